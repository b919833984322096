"""A league as Markdown, CSV or a page: the ending of the file says which."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from ensir.league.contestants import KINDS
from ensir.league.page import page
from ensir.league.standings import League, Standing
from ensir.league.words import (
    decibels,
    fit_seconds,
    fuse_seconds,
    how_fitted,
    how_to_read,
    in_paper_order,
    interval_of,
    score_of,
    title,
    verdict,
)
from ensir.scoring import Who
from ensir.summaries import score_row

# Characters that Markdown or HTML would take for markup.
MARKUP = r"\`*_[]<>|~&"
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report(league: League, ending: str) -> str:
    """The report in the form of an ending of REPORTS."""
    return REPORTS[ending](league)


def markdown(league: League) -> str:
    """All numbers, and what they mean, as a Markdown document."""
    parts = [
        f"# {escaped(title(league))}",
        escaped(" ".join([*verdict(league), how_fitted(league)])),
        "## Standings",
        "The highest mean PSNR in RGB first; gains are over averaging, in dB.",
        standings_table(league),
        "## How to read this",
        "\n".join(f"- **{word}**: {escaped(meaning)}" for word, meaning in how_to_read(league)),
        "## As the paper prints it",
        "PSNR and SSIM, base models as their 8-bit files are, ensembles before rounding.",
        paper_table([league]),
        "## Picture by picture",
        "Gain over averaging in RGB, dB.",
        pictures_table(league),
        "## Who took part",
        "\n".join(
            f"- **{escaped(one.title)}** ({KINDS[one.who[0]]}): {escaped(one.contestant.about)}"
            for one in league.standings
        ),
    ]
    return "\n\n".join(parts) + "\n"


def standings_table(league: League) -> str:
    """Everyone's means, gains and times, as a Markdown table."""
    names = ["contestant", "PSNR RGB", "SSIM RGB", "PSNR Y", "SSIM Y", "8-bit PSNR RGB"]
    names += ["gain RGB", "95 % interval", "gain Y", "won", "lost", "over best model"]
    return table([*names, "fuse, s", "fit, s"], [_row(one) for one in league.standings])


def pictures_table(league: League) -> str:
    """Everyone's gain on each picture, as a Markdown table."""
    rows = [
        [escaped(one.title), *(decibels(gain, "-") for gain in one.over_average.gain.pictures)]
        for one in league.standings
    ]
    return table(["contestant", *map(escaped, league.pictures)], rows)


def paper_table(leagues: Sequence[League]) -> str:
    """Contestants as rows, PSNR and SSIM of each league in RGB and in luma as columns: Markdown.

    In the paper's order; a base model of another league has no score.
    """
    rows: dict[Who, list[str]] = {}
    names = ["contestant"]
    for place, league in enumerate(leagues):
        stage = escaped(league.judged or league.reference_set)
        names += [f"{stage} RGB", "SSIM", f"{stage} Y", "SSIM"]
        for one in in_paper_order(league):
            mean = one.scores.exact
            row = rows.setdefault(one.who, [escaped(one.title), *["–"] * 4 * place])
            row += [score_of(mean.psnr_rgb, 3), score_of(mean.ssim_rgb, 4)]
            row += [score_of(mean.psnr_y, 3), score_of(mean.ssim_y, 4)]
        for row in rows.values():
            row += ["–"] * (1 + 4 * (place + 1) - len(row))
    by_kind = sorted(rows, key=lambda who: list(KINDS).index(who[0]))
    return table(names, [rows[who] for who in by_kind])


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and numbers to the right."""
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comma_separated(league: League) -> str:
    """One row for each contestant and picture, with everything that was measured."""
    text = io.StringIO()
    writer = csv.writer(text)
    scores = ["psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y"]
    columns = [*scores, *(f"8bit_{score}" for score in scores)]
    columns += ["gain_rgb", "gain_y", "gain_over_best_model_rgb", "fuse_seconds", "fit_seconds"]
    writer.writerow(["contestant", "title", "kind", "picture", *columns])
    for one in league.standings:
        kind, name = one.who
        for place, picture in enumerate(one.scores.pictures):
            values = [
                *(getattr(picture.exact, score) for score in scores),
                *(getattr(picture.rounded, score) for score in scores),
                one.over_average.gain.pictures[place],
                one.over_average_y.gain.pictures[place],
                one.over_best_model.gain.pictures[place],
                one.fuse_seconds[place],
                # One fit for all pictures, or one for each.
                one.fit_seconds[place % len(one.fit_seconds)],
            ]
            words = [_cell(word) for word in (name, one.title, kind, picture.picture)]
            writer.writerow([*words, *("" if value is None else value for value in values)])
    return text.getvalue()


def standing_row(one: Standing) -> dict[str, object]:
    """The means of a contestant, as `score` has them, its interval and its times."""
    interval = one.over_average.interval
    return {
        **score_row(one.scores),
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "fuse s": one.fuse_time,
        "fit s": one.fit_time if one.fitted else None,
    }


def escaped(text: str) -> str:
    """Text as Markdown shows it, whatever it holds.

    >>> print(escaped("a_b|<i>"))
    a\\_b\\|\\<i\\>
    """
    return "".join(f"\\{one}" if one in MARKUP else one for one in text)


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _row(one: Standing) -> list[str]:
    mean, gain = one.scores.exact, one.over_average.gain
    return [
        escaped(one.title),
        score_of(mean.psnr_rgb, 3),
        score_of(mean.ssim_rgb, 4),
        score_of(mean.psnr_y, 3),
        score_of(mean.ssim_y, 4),
        score_of(one.scores.rounded.psnr_rgb, 3),
        decibels(gain.mean, "-"),
        interval_of(one.over_average, "-"),
        decibels(one.over_average_y.gain.mean, "-"),
        str(gain.won),
        str(gain.lost),
        decibels(one.over_best_model.gain.mean, "-"),
        fuse_seconds(one),
        fit_seconds(one),
    ]


REPORTS: dict[str, Callable[[League], str]] = {
    ".html": page,
    ".md": markdown,
    ".csv": comma_separated,
}
