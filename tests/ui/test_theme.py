import pytest

from ensir.palettes import weight_scale
from ensir.ui.theme import CSS_FILE, theme, weight_scale_html

pytestmark = pytest.mark.filterwarnings("default")


def test_the_scale_says_its_ends_and_its_colours() -> None:
    html = weight_scale_html()
    assert "<span>0</span>" in html
    assert "<span>1</span>" in html
    assert all(colour in html for colour in weight_scale(16))


def test_fonts_and_styles_come_from_this_machine() -> None:
    assert not [font for font in (*theme().font, *theme()._font_mono) if "Google" in repr(font)]
    css = CSS_FILE.read_text(encoding="utf-8")
    assert "http" not in css
    assert "@import" not in css
