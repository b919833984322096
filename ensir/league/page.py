"""A league as one HTML page that needs nothing beside it: no script, no file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ensir import __version__
from ensir.league.chart import chart
from ensir.league.contestants import KINDS
from ensir.league.gallery import gallery
from ensir.league.page_style import STYLE
from ensir.league.standings import League, Standing
from ensir.league.words import (
    decibels,
    fit_seconds,
    fuse_seconds,
    how_fitted,
    how_to_read,
    in_paper_order,
    interval_of,
    plural,
    score_of,
    title,
    verdict,
)

Row = tuple[Standing, Sequence[tuple[str, str]]]  # whose it is; class and text of each cell


def page(league: League) -> str:
    """The whole page; every name in it is escaped."""
    sections = [
        ("gains", "Gains over averaging", CHART_NOTE, chart(league)),
        ("standings", "Standings", STANDINGS_NOTE, _standings(league)),
        ("reading", "How to read this", "", _definitions(how_to_read(league))),
        ("who", "Who took part", "", _who(league)),
        ("paper", "As the paper prints it", PAPER_NOTE, _paper(league)),
        ("pictures", "Picture by picture", PICTURES_NOTE, _pictures(league)),
        ("gallery", "What it looks like", _gallery_note(league), gallery(league)),
    ]
    links = "".join(f'<a href="#{name}">{escape(head)}</a>' for name, head, _, _ in sections)
    body = "\n".join(
        f'<section id="{name}"><h2>{escape(head)}</h2>{_paragraph(note)}{content}</section>'
        for name, head, note, content in sections
        if content
    )
    first, *others = verdict(league)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title(league))}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title(league))}</h1>
<p class="verdict">{escape(first)}</p>
{_paragraph(" ".join(others))}
<p class="note">{escape(how_fitted(league))}</p>
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{body}
</main>
<footer>Made by ensir {escape(__version__)}.</footer>
</body>
</html>
"""


CHART_NOTE = (
    "Large dot: the mean over the pictures. Bar: its 95 % interval. Small dots: single pictures. "
    "An arrow: beyond the axis."
)
STANDINGS_NOTE = "Means over the pictures, the highest PSNR in RGB first. PSNR and gains in dB."
PAPER_NOTE = "Base models as their 8-bit files are, ensembles before rounding."
PICTURES_NOTE = "PSNR in RGB, and below it the gain over averaging, both in dB."


def _standings(league: League) -> str:
    head = [
        "PSNR RGB",
        "SSIM RGB",
        "PSNR Y",
        "SSIM Y",
        "8-bit PSNR",
        "gain RGB",
        "95 % interval",
        "won–lost",
        "gain Y",
        f"over {league.best_model}",
        "fuse, s",
        "fit, s",
    ]
    rows = []
    for one in league.standings:
        mean, gain = one.scores.exact, one.over_average.gain
        rows.append(
            (
                one,
                [
                    ("", score_of(mean.psnr_rgb, 3)),
                    ("", score_of(mean.ssim_rgb, 4)),
                    ("", score_of(mean.psnr_y, 3)),
                    ("", score_of(mean.ssim_y, 4)),
                    ("", score_of(one.scores.rounded.psnr_rgb, 3)),
                    (_sign(gain.mean), decibels(gain.mean)),
                    ("quiet", interval_of(one.over_average)),
                    ("", f"{gain.won}–{gain.lost}"),
                    (_sign(one.over_average_y.gain.mean), decibels(one.over_average_y.gain.mean)),
                    (_sign(one.over_best_model.gain.mean), decibels(one.over_best_model.gain.mean)),
                    ("quiet", fuse_seconds(one)),
                    ("quiet", fit_seconds(one)),
                ],
            )
        )
    return _table(league, head, rows)


def _paper(league: League) -> str:
    rows = []
    for one in in_paper_order(league):
        mean = one.scores.exact
        rows.append(
            (
                one,
                [
                    ("", score_of(mean.psnr_rgb, 3)),
                    ("", score_of(mean.ssim_rgb, 4)),
                    ("", score_of(mean.psnr_y, 3)),
                    ("", score_of(mean.ssim_y, 4)),
                ],
            )
        )
    return _table(league, ["RGB: PSNR", "SSIM", "Y: PSNR", "SSIM"], rows)


def _pictures(league: League) -> str:
    rows = []
    for one in league.standings:
        pairs = zip(one.scores.pictures, one.over_average.gain.pictures, strict=True)
        rows.append(
            (
                one,
                [
                    (_sign(gain), f"{score_of(scores.exact.psnr_rgb, 3)}\n{decibels(gain)}")
                    for scores, gain in pairs
                ],
            )
        )
    return _table(league, league.pictures, rows)


def _who(league: League) -> str:
    groups = []
    for kind, meaning in KINDS.items():
        members = [one for one in league.standings if one.who[0] == kind]
        if members:
            # Those of whom the same is said, as of all base models, in one line.
            alike: dict[str, list[str]] = {}
            for one in members:
                alike.setdefault(one.contestant.about, []).append(one.title)
            entries = _definitions([(", ".join(names), about) for about, names in alike.items()])
            groups.append(
                f'<h3><i class="dot {kind}"></i>{escape(plural(kind))}: {escape(meaning)}</h3>'
                f"{entries}"
            )
    return "".join(groups)


def _gallery_note(league: League) -> str:
    if len(league.exhibits) < 2:
        return ""
    return (
        f"The pictures on which {league.winner.title} gains most and least. PSNR is that of the "
        "whole picture."
    )


def _definitions(pairs: Sequence[tuple[str, str]]) -> str:
    entries = "".join(
        f"<div><dt>{escape(word)}</dt><dd>{escape(meaning)}</dd></div>" for word, meaning in pairs
    )
    return f"<dl>{entries}</dl>"


def _table(league: League, head: Sequence[str], rows: Sequence[Row]) -> str:
    """A table whose first column says who it is."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in ["contestant", *head])
    lines = "".join(_row(one, cells, one is league.winner) for one, cells in rows)
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Table">'
        f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _row(one: Standing, cells: Sequence[tuple[str, str]], is_best: bool) -> str:
    """A row; of a text in two lines the second is shown as the class says, else the whole."""
    said = []
    for style, text in cells:
        first, _, second = (escape(part) for part in text.partition("\n"))
        said.append(
            f'<td>{first}<br><span class="{style}">{second}</span></td>'
            if second
            else f'<td class="{style}">{first}</td>'
        )
    best = " winner" if is_best else ""
    return (
        f'<tr class="{one.who[0]}{best}"><th scope="row"><i class="dot {one.who[0]}"></i>'
        f"{escape(one.title)}</th>{''.join(said)}</tr>"
    )


def _sign(gain: float) -> str:
    """The class of a gain that shows after rounding."""
    return "up" if gain >= 0.0005 else "down" if gain <= -0.0005 else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""
