import pytest

from ensir.comparison import Comparison
from ensir.maps import layers
from ensir.palettes import CANDIDATE_COLOURS
from ensir.ui.layers import legend_of
from ensir.ui.theme import CSS_FILE, legend_html, theme
from ensir.ui.viewer import Legend

pytestmark = pytest.mark.filterwarnings("default")

COLOURS = ("#000000", "#808080", "#ffffff")


def test_a_scale_says_its_ends_its_meaning_and_its_colours() -> None:
    html = legend_html(
        Legend("How far apart they are.", COLOURS, ("0", "32", "64 or more"), (0, 0.5, 1))
    )
    for label, place in (("0", "0.00%"), ("32", "50.00%"), ("64 or more", "100.00%")):
        style = f"left: {place}; transform: translateX(-{place})"
        assert f'<span style="{style}">{label}</span>' in html
    assert f"linear-gradient(to right, {', '.join(COLOURS)})" in html
    assert "<em>How far apart they are.</em>" in html
    assert 'role="img" aria-label="Colour scale from 0 to 64 or more. How far' in html


def test_a_key_names_every_colour_as_text() -> None:
    names = ("A", "<b>x</b>")
    html = legend_html(Legend("what <it> is", CANDIDATE_COLOURS[:2], names, is_key=True))
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "what &lt;it&gt; is" in html
    assert html.count("<li>") == 2
    assert all(colour in html for colour in CANDIDATE_COLOURS[:2])


def test_what_a_scale_says_is_text_everywhere() -> None:
    html = legend_html(Legend('"><b>x</b>', COLOURS, ('<i>"0"', "1"), (0, 1)))
    assert "<b>" not in html and '<i>"' not in html
    assert html.count("&lt;b&gt;x&lt;/b&gt;") == 2  # seen, and read aloud


def test_every_map_has_a_legend(small: Comparison) -> None:
    for layer in layers(small):
        legend = legend_of(small, layer)
        html = legend_html(legend)
        assert all(colour in html for colour in legend.colours)
        assert all(label in html for label in legend.labels)


def test_fonts_and_styles_come_from_this_machine() -> None:
    assert not [font for font in (*theme().font, *theme()._font_mono) if "Google" in repr(font)]
    css = CSS_FILE.read_text(encoding="utf-8")
    assert "http" not in css
    assert "@import" not in css
