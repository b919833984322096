import pytest

from ensir.palettes import CANDIDATE_COLOURS, error_scale, gain_scale, weight_scale
from ensir.ui.theme import (
    CSS_FILE,
    error_scale_html,
    gain_scale_html,
    names_html,
    theme,
    weight_scale_html,
)

pytestmark = pytest.mark.filterwarnings("default")


def test_the_scale_says_its_ends_and_its_colours() -> None:
    html = weight_scale_html()
    assert "<span>0</span>" in html
    assert "<span>1</span>" in html
    assert all(colour in html for colour in weight_scale(16))
    html = error_scale_html()
    assert "<span>64 or more levels</span>" in html
    assert all(colour in html for colour in error_scale(16))
    html = gain_scale_html()
    assert "<span>worse by 16 levels</span>" in html
    assert all(colour in html for colour in gain_scale())


def test_a_legend_names_every_candidate_as_text() -> None:
    html = names_html(["A", "<b>x</b>"], "what <it> is")
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "what &lt;it&gt; is" in html
    assert html.count("<li>") == 2
    assert all(colour in html for colour in CANDIDATE_COLOURS[:2])


def test_fonts_and_styles_come_from_this_machine() -> None:
    assert not [font for font in (*theme().font, *theme()._font_mono) if "Google" in repr(font)]
    css = CSS_FILE.read_text(encoding="utf-8")
    assert "http" not in css
    assert "@import" not in css
