"""The drawing read back: its steps become levels and shares, held against the counts."""

import re
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor

from ensir.bin_sets import levels_in
from ensir.candidates_plot import AXIS, candidates_svg
from ensir.comparison import Comparison, compare
from ensir.inspection import BinSetInspection, inspect_pixel
from ensir.palettes import CANDIDATE_COLOURS
from tests.conftest import make_pictures, make_statistics

SPACE = "{http://www.w3.org/2000/svg}"
GREEN = 1


@pytest.fixture(scope="module")
def compared() -> Comparison:
    pictures = make_pictures(seed=21, members=3, height=64, width=64, contrast=25)
    named = dict(zip("ABC", pictures[0], strict=True))
    return compare(named, reference=make_statistics(pictures, 32), bin_width=32)


def of_pixel(compared: Comparison) -> tuple[BinSetInspection, dict[str, Tensor]]:
    bin_set = inspect_pixel(compared, 30, 30).bin_sets[GREEN]
    return bin_set, levels_in(compared, GREEN, bin_set.number)


def scale(root: ElementTree.Element) -> tuple[float, float, float]:
    """Place of level 0, units a level and units for a share of 1, from the ticks."""
    levels, shares = {}, {}
    for text in root.iter(f"{SPACE}text"):
        said, x, y = text.text or "", float(text.get("x") or 0), float(text.get("y") or 0)
        if said.endswith("%"):
            shares[float(said[:-1]) / 100] = y - 4
        elif said.isdigit():
            levels[int(said)] = x
    first, last, top = min(levels), max(levels), max(shares)
    unit = (levels[last] - levels[first]) / (last - first)
    return levels[first] - first * unit, unit, (AXIS - shares[top]) / top


def test_each_candidate_is_drawn_by_its_shares_in_its_colour(compared: Comparison) -> None:
    bin_set, levels = of_pixel(compared)
    root = ElementTree.fromstring(candidates_svg(bin_set, levels))
    zero, unit, height = scale(root)
    groups = root.findall(f"{SPACE}g[@stroke]")
    assert [group.get("stroke") for group in groups] == list(CANDIDATE_COLOURS[:3])
    for group, counts in zip(groups, levels.values(), strict=True):
        path = group.find(f"{SPACE}path[@class='steps']")
        assert path is not None
        left = float(re.findall(r"M([\d.]+)", path.get("d") or "")[0])
        tops = [float(top) for top in re.findall(r"V([\d.]+)h", path.get("d") or "")]
        first = (left - zero) / unit + 0.5
        assert abs(first - round(first)) < 0.05
        drawn = torch.zeros(256)
        drawn[round(first) : round(first) + len(tops)] = (AXIS - torch.tensor(tops)) / height
        # Places are written with one decimal.
        assert (drawn - counts / counts.sum()).abs().max() < 0.1 / height


def test_it_says_that_it_is_of_this_picture_and_of_how_many_pixels(compared: Comparison) -> None:
    bin_set, levels = of_pixel(compared)
    root = ElementTree.fromstring(candidates_svg(bin_set, levels))
    total = int(levels["A"].sum())
    said = f"Candidates in this picture: {total:,} pixels"
    assert said in [text.text for text in root.iter(f"{SPACE}text")]
    described = root.findtext(f"{SPACE}desc") or ""
    inside = [level for level in range(256) for _ in range(int(levels["B"][level]))]
    mean = torch.tensor(inside).double()
    assert f"B: mean {mean.mean():.1f}, deviation {mean.std(correction=0):.1f}." in described
    assert root.get("role") == "img"


def test_a_bin_set_without_a_pixel_here_is_drawn_empty(compared: Comparison) -> None:
    bin_set, levels = of_pixel(compared)
    nothing = {name: torch.zeros_like(counts) for name, counts in levels.items()}
    svg = candidates_svg(bin_set, nothing)
    root = ElementTree.fromstring(svg)
    assert "Candidates in this picture: 0 pixels" in svg
    assert "nan" not in svg and not root.findall(f"{SPACE}g[@stroke]")


def test_names_are_only_ever_text(compared: Comparison) -> None:
    bin_set, levels = of_pixel(compared)
    svg = candidates_svg(bin_set, {'<b x="y">&': levels["A"]})
    assert "<b " not in svg
    assert any('<b x="y">&' in (one.text or "") for one in ElementTree.fromstring(svg).iter())
