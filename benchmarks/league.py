"""Prints who fuses best on pictures that nobody was fitted on, as the README quotes it.

    python benchmarks/league.py [FOLDER] [--pixels N] [--reports FOLDER]

Each picture is left out in turn, everyone fitted to the others, and the picture fused. Scores are
deterministic; seconds are of this machine, and of value in comparison with each other alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

    from ensir.league.standings import League

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ensir_reference"
CANDIDATES = {
    "deraining": ("MPRNet", "MAXIM", "Restormer"),
    "deblurring": ("MPRNet", "Restormer", "DGUNet"),
}
LEAST_SQUARES = ("table", "least-squares")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DATA, help="holds deraining and deblurring"
    )
    parser.add_argument(
        "--pixels", type=int, default=100_000, help="regressors are fitted to (%(default)s)"
    )
    parser.add_argument("--reports", type=Path, help="also gets a page for each task")
    given = parser.parse_args()
    if given.reports is not None:
        given.reports.mkdir(parents=True, exist_ok=True)  # now, not after minutes
    if not given.folder.is_dir():
        print(
            f"no folder {given.folder}: name one that holds {' and '.join(CANDIDATES)}, each with "
            "gt and one folder for each candidate",
            file=sys.stderr,
        )
        return 2
    from ensir import InputError
    from ensir.league.report import paper_table, report

    try:
        leagues = []
        for league in run_leagues(given.folder, given.pixels):
            leagues.append(league)
            if given.reports is not None:
                path = given.reports / f"{league.reference_set}.html"
                path.write_text(report(league, ".html"), encoding="utf-8")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(gains_table(leagues), paper_table(leagues), sep="\n\n")
    for league in leagues:
        print(f"\n{league.reference_set}: {faster_and_better(league)}")
    return 0


def run_leagues(folder: Path, pixels: int) -> Iterator[League]:
    """The league of each task."""
    from tqdm import tqdm

    from ensir import ReferenceSet
    from ensir.league.running import run_league

    for task, candidates in CANDIDATES.items():
        with tqdm(desc=task, file=sys.stderr) as bar:

            def show(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield run_league(
                ReferenceSet(folder / task, candidates), pixels=pixels, on_progress=show
            )


def gains_table(leagues: Sequence[League]) -> str:
    """Gains over averaging in RGB, dB, and times, sorted by the first task."""
    from ensir.league.report import escaped, table
    from ensir.league.words import decibels, fit_seconds, fuse_seconds, interval_of

    names = ["ensemble"]
    for league in leagues:
        names += [f"{league.reference_set}, dB", "95 % interval", "won", "lost"]
        names += ["fuse, s", "fit, s"]
    rows = []
    for who in [one.who for one in leagues[0].standings if one.who[0] != "candidate"]:
        standings = [league.standing(who) for league in leagues]
        row = [escaped(standings[0].title)]
        for one in standings:
            gain = one.over_average.gain
            row += [decibels(gain.mean, "-"), interval_of(one.over_average, "-")]
            row += [str(gain.won), str(gain.lost), fuse_seconds(one), fit_seconds(one)]
        rows.append(row)
    return table(names, rows)


def faster_and_better(league: League) -> str:
    """Which regressors fuse faster than least squares and gain more, in a sentence."""
    ours = league.standing(LEAST_SQUARES)
    if ours is None:
        return "least squares took no part"
    regressors = [one for one in league.standings if one.who[0] == "regressor"]
    better = [one for one in regressors if one.over_average.gain.mean > ours.over_average.gain.mean]
    faster = [one for one in regressors if one.fuse_time < ours.fuse_time]
    both = [one.title for one in better if one in faster]
    return (
        f"better than {ours.title}: {', '.join(one.title for one in better) or 'no regressor'}; "
        f"faster to fuse: {', '.join(one.title for one in faster) or 'none'}; "
        f"both: {', '.join(both) or 'none'}"
    )


if __name__ == "__main__":
    sys.exit(main())
