import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ensir import ReferenceSet
from ensir.league.page import page
from ensir.league.running import run_league
from ensir.league.standings import League
from tests.league.conftest import NAMES, make_reference_set

VOID = {"meta", "img", "br"}


class Nesting(HTMLParser):
    """Refuses tags that are not closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("line", "circle")  # of SVG alone

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def parsed(league: League) -> Nesting:
    parser = Nesting()
    parser.feed(page(league))
    parser.close()
    assert not parser.open
    return parser


def test_a_page_is_whole_and_needs_nothing_beside_it(parsed: Nesting) -> None:
    assert not parsed.seen & {"script", "link", "iframe", "object"}
    assert all(one.startswith(("data:image/png;base64,", "#")) for one in parsed.addresses)


def test_a_page_names_everyone_every_picture_and_what_they_are(
    parsed: Nesting, league: League
) -> None:
    text = " ".join(parsed.text)
    for one in league.standings:
        assert one.title in text and one.contestant.about in text
        assert f"{one.scores.exact.psnr_rgb:.3f}" in text
    assert all(picture in text for picture in league.pictures)
    assert "How to read this" in text and "95 % interval" in text


def test_links_lead_to_sections(league: League) -> None:
    made = page(league)
    assert set(re.findall(r'href="#(\w+)"', made)) == set(re.findall(r'<section id="(\w+)"', made))


def test_names_are_shown_as_text_whatever_they_hold(tmp_path: Path) -> None:
    names = ["<script>alert(1)<", 'B" onload="x', "C&amp;"]
    folder = make_reference_set(tmp_path / "<b>rain&", {"<img src=x>": 4, "two' --": 6})
    for old, new in zip(NAMES, names, strict=True):
        (folder / old).rename(folder / new.replace("/", ""))
    held = run_league(ReferenceSet(folder, names), contestants=["em"])
    parser = Nesting()
    made = page(held)
    parser.feed(made)
    assert "script" not in parser.seen and "<b>rain" not in made and "<img src=x" not in made
    text = "".join(parser.text)
    assert all(name in text for name in [*names, *held.pictures, "<b>rain&"])


def test_a_single_picture_has_a_page_without_intervals(league: League, tmp_path: Path) -> None:
    folder = make_reference_set(tmp_path / "one", {"only": 5})
    other = ReferenceSet(folder, NAMES)
    held = run_league(other, other, contestants=["em", "zzpm"])
    parser = Nesting()
    parser.feed(page(held))
    assert not parser.open and len(held.exhibits) == 1
    assert held.winner.over_average.interval is None


def test_where_nobody_beats_averaging_the_page_says_so(league: League) -> None:
    average = league.standing(("baseline", "average"))
    assert average is not None
    others = tuple(one for one in league.standings if one.who[0] in ("candidate", "oracle"))
    alone = replace(league, standings=(*others, average))
    assert "No ensemble beats averaging" in page(alone)
