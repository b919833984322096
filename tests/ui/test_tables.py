from ensir.ui.tables import table_html

MARKUP = "<b>x</b>"
ESCAPED = "&lt;b&gt;x&lt;/b&gt;"


def test_every_part_of_a_table_is_escaped() -> None:
    html = table_html(MARKUP, [MARKUP, MARKUP], [[MARKUP, MARKUP], ['"quoted" & more', "1"]])
    assert "<b>" not in html
    assert html.count(ESCAPED) == 6
    assert "&quot;quoted&quot; &amp; more" in html


def test_the_first_rows_carry_the_colours_given() -> None:
    html = table_html("", ["", "value"], [["a", "1"], ["b", "2"]], ["#123456"])
    first, second = html.split("</tr>")[1:3]
    assert "#123456" in first
    assert "swatch" not in second


def test_a_row_is_headed_by_its_name() -> None:
    html = table_html("scores", ["", "PSNR"], [["fused", "30.00"]])
    assert '<th scope="row">fused</th><td>30.00</td>' in html
    assert '<th scope="col">PSNR</th>' in html
    assert "<caption>scores</caption>" in html
