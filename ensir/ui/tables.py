"""Tables on the page: plain HTML, every cell escaped, so that names are only ever text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table_html(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Sequence[str] = (),
) -> str:
    """A table whose first column names the row; the first rows carry a swatch of their colour."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{_swatch(colours, place)}{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for place, (first, *cells) in enumerate(rows)
    )
    said = escape(caption)
    return (
        f'<div class="numbers" tabindex="0" role="region" aria-label="{said}">'
        f"<table><caption>{said}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _swatch(colours: Sequence[str], place: int) -> str:
    if place >= len(colours):
        return ""
    return f'<i class="swatch" style="background: {colours[place]}"></i>'
