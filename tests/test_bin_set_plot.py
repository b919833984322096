"""The drawing read back: its numbers become levels and shares, held against the data."""

import re
import time
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from ensir.bin_set_plot import (
    AXIS,
    FUSED_MARK,
    LEFT,
    MARKS,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    TRUTH_MARK,
    bin_set_svg,
    pixel_svg,
)
from ensir.comparison import FUSED, TRUTH, Comparison, compare
from ensir.ensemble.lookup_table import Origin
from ensir.ensemble.mixture import Mixture
from ensir.inspection import BinSetInspection, PixelInspection, inspect_pixel
from ensir.palettes import CANDIDATE_COLOURS
from tests.conftest import make_pictures, make_statistics

SPACE = "{http://www.w3.org/2000/svg}"
WIDTH = 32
TENTH = 0.05 + 1e-9  # coordinates are written with one decimal


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """A picture fused by the statistics of another one, which leave some of its bin sets empty."""
    candidates, truth = make_pictures(seed=21, members=3, height=64, width=64, contrast=25)
    reference = make_statistics(
        make_pictures(seed=21, members=3, height=60, width=60, contrast=25), WIDTH
    )
    named = dict(zip("ABC", candidates, strict=True))
    return compare(named, truth=truth, reference=reference, bin_width=WIDTH)


def pixel_of_origin(compared: Comparison, origin: Origin) -> PixelInspection:
    """A pixel whose green bin set has this origin."""
    assert compared.table is not None
    levels = torch.stack(list(compared.candidates.values()))[:, 1]
    sets = compared.table.bins.index(levels)
    y, x = (compared.table.origin[1][sets] == origin).nonzero()[0].tolist()
    return inspect_pixel(compared, x, y)


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.get("class") == name]


def ticks(root: ElementTree.Element) -> dict[int, float]:
    """Level by place of the ticks below the axis."""
    found = {}
    for text in root.iter(f"{SPACE}text"):
        if text.get("y") == f"{AXIS + 21:.1f}":
            found[int(text.text or "")] = float(text.get("x") or "nan")
    return found


def level_scale(root: ElementTree.Element) -> tuple[float, float]:
    """Place of level 0 and units a level, from the ticks."""
    found = ticks(root)
    first, last = min(found), max(found)
    unit = (found[last] - found[first]) / (last - first)
    return found[first] - first * unit, unit


def share_scale(root: ElementTree.Element) -> float:
    """Units for a share of 1, from the ticks beside the axis."""
    found = {
        float((text.text or "").rstrip("%")) / 100: float(text.get("y") or "nan") - 4
        for text in root.iter(f"{SPACE}text")
        if text.get("text-anchor") == "end"
    }
    top = max(found)
    return (AXIS - found[top]) / top


def bars(root: ElementTree.Element) -> dict[int, float]:
    """Share by level, from the path."""
    zero, unit = level_scale(root)
    height = share_scale(root)
    path = of_class(root, "bars")[0].get("d") or ""
    found = {}
    for left, top in re.findall(r"M(-?[\d.]+) [\d.]+V(-?[\d.]+)", path):
        level = (float(left) + LEFT - zero) / unit + 0.5
        assert abs(level - round(level)) < 0.1
        found[round(level)] = (PLOT_HEIGHT - float(top)) / height
    return found


def curve(one: ElementTree.Element, root: ElementTree.Element) -> tuple[list[float], list[float]]:
    """Levels and densities of a curve; its ends are those of the plot."""
    zero, unit = level_scale(root)
    points = [point.split(",") for point in (one.get("points") or "").split()]
    assert float(points[0][0]) == 0
    assert float(points[-1][0]) == pytest.approx(PLOT_WIDTH, abs=TENTH)
    height = share_scale(root)
    return (
        [(float(x) + LEFT - zero) / unit for x, _ in points],
        [(PLOT_HEIGHT - float(y)) / height for _, y in points],
    )


def test_bars_are_the_shares_of_the_histogram(compared: Comparison) -> None:
    bin_set = pixel_of_origin(compared, Origin.FITTED).bin_sets[1]
    root = drawn(bin_set_svg(bin_set))
    assert bin_set.histogram is not None
    total = sum(bin_set.histogram)
    found = bars(root)
    assert set(found) == {level for level, count in enumerate(bin_set.histogram) if count}
    # Ticks and bars are both written to a tenth of a unit.
    tolerance = 4 * TENTH / share_scale(root)
    for level, share in found.items():
        assert share == pytest.approx(bin_set.histogram[level] / total, abs=tolerance)


def test_dashed_and_solid_curves_are_the_densities_and_one_their_sum(compared: Comparison) -> None:
    bin_set = pixel_of_origin(compared, Origin.FITTED).bin_sets[1]
    root = drawn(bin_set_svg(bin_set))
    found = of_class(root, "curve")
    dashed = [one for one in found if one.get("stroke-dasharray")]
    total, *solid = [one for one in found if not one.get("stroke-dasharray")]
    assert total.get("stroke") == "currentColor"
    assert bin_set.first is not None and bin_set.fitted is not None
    tolerance = 4 * TENTH / share_scale(root)
    for group, mixture in ((dashed, bin_set.first), (solid, bin_set.fitted)):
        assert [one.get("stroke") for one in group] == list(CANDIDATE_COLOURS[:3])
        for place, one in enumerate(group):
            levels, densities = curve(one, root)
            expected = mixture.density(torch.tensor(levels, dtype=torch.float64))[place]
            above = torch.tensor(densities).double()
            shown = expected < 2 * PLOT_HEIGHT / share_scale(root)
            assert (above - expected)[shown].abs().max() < tolerance + 0.02 * expected.max()
    levels, densities = curve(total, root)
    expected = bin_set.fitted.density(torch.tensor(levels, dtype=torch.float64)).sum(0)
    assert (torch.tensor(densities) - expected).abs().max() < tolerance + 0.02 * expected.max()


def test_marks_stand_at_the_values_of_the_pixel(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    root = drawn(pixel_svg(pixel, 2))
    zero, unit = level_scale(root)
    marks = of_class(root, "mark")
    assert len(marks) == 5
    by_shape = {mark.get("d"): mark for mark in marks}
    names = dict(zip(MARKS, "ABC", strict=False)) | {FUSED_MARK: FUSED, TRUTH_MARK: TRUTH}
    for shape, mark in by_shape.items():
        x, y = re.findall(r"-?[\d.]+", mark.get("transform") or "")
        assert float(y) == AXIS
        value = pixel.values[names[shape or ""]][2]
        assert (float(x) - zero) / unit == pytest.approx(value, abs=4 * TENTH / unit)
        title = mark.find(f"{SPACE}title")
        assert title is not None and title.text == f"{names[shape or '']} here: {value:.2f}"


def test_all_that_is_drawn_lies_within_the_shown_levels(compared: Comparison) -> None:
    for origin in (Origin.FITTED, Origin.PRIOR):
        pixel = pixel_of_origin(compared, origin)
        for channel in range(3):
            root = drawn(pixel_svg(pixel, channel))
            for mark in of_class(root, "mark"):
                x = float(re.findall(r"-?[\d.]+", mark.get("transform") or "")[0])
                assert LEFT < x < LEFT + PLOT_WIDTH
            zero, unit = level_scale(root)
            for first, last in pixel.bin_sets[channel].ranges.values():
                assert zero + first * unit > LEFT and zero + last * unit < LEFT + PLOT_WIDTH
            assert 2 <= len(ticks(root)) <= 8


def test_a_bin_set_of_few_pixels_shows_what_it_starts_from_and_no_fit(
    compared: Comparison,
) -> None:
    root = drawn(pixel_svg(pixel_of_origin(compared, Origin.PRIOR), 1))
    curves = of_class(root, "curve")
    assert len(curves) == 3 and all(one.get("stroke-dasharray") for one in curves)
    assert bars(root)


def test_an_empty_bin_set_says_so_and_shows_the_pixel(compared: Comparison) -> None:
    blank = {name: torch.zeros_like(one) for name, one in compared.candidates.items()}
    blank["B"] = torch.full_like(blank["A"], 255)
    reference = make_statistics(make_pictures(seed=21, members=3), WIDTH)
    svg = pixel_svg(inspect_pixel(compare(blank, reference=reference, bin_width=WIDTH), 0, 0), 1)
    assert "No reference pixel fell" in svg
    root = drawn(svg)
    assert len(of_class(root, "mark")) == 4
    assert not of_class(root, "curve") and not bars(root)


def test_what_cannot_be_drawn_says_why(compared: Comparison) -> None:
    table_only = compare(compared.candidates, reference=compared.table)
    assert "without its statistics" in pixel_svg(inspect_pixel(table_only, 0, 0), 1)
    averaged = inspect_pixel(compare(compared.candidates), 0, 0)
    assert "Averaging needs no bin sets" in pixel_svg(averaged, 1)
    drawn(pixel_svg(averaged, 1))


def test_it_says_in_words_what_it_shows(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    root = drawn(pixel_svg(pixel, 1))
    assert root.get("role") == "img"
    said = root.findtext(f"{SPACE}desc") or ""
    bin_set = pixel.bin_sets[1]
    assert bin_set.fitted is not None
    assert f"{bin_set.count:,} reference pixels" in said
    assert f"B: weight {bin_set.fitted.weight[1]:.3f}" in said
    assert f"fused {pixel.values[FUSED][1]:.1f}" in said
    texts = [text.text for text in root.iter(f"{SPACE}text")]
    assert "ground truth level" in texts and "share of pixels" in texts


def test_names_are_only_ever_text(compared: Comparison) -> None:
    markup = '<b onclick="x">&'
    candidates = {markup: compared.candidates["A"], "B": compared.candidates["B"]}
    pictures = torch.stack(list(candidates.values()))
    reference = replace(make_statistics((pictures, pictures[0]), 32), candidate_names=(markup, "B"))
    svg = pixel_svg(inspect_pixel(compare(candidates, reference=reference), 0, 0), 1)
    assert "<b " not in svg
    assert any(markup in (one.text or "") for one in drawn(svg).iter())


def test_candidates_have_as_many_shapes_as_symbols_and_begin_again(compared: Comparison) -> None:
    assert len(MARKS) == len(set(MARKS)) == len(CANDIDATE_COLOURS)
    candidates, truth = make_pictures(seed=5, members=9, contrast=5)
    names = tuple("ABCDEFGHI")
    reference = replace(make_statistics((candidates, truth), 128), candidate_names=names)
    nine = compare(dict(zip(names, candidates, strict=True)), reference=reference, bin_width=128)
    assert len(of_class(drawn(pixel_svg(inspect_pixel(nine, 0, 0), 0)), "mark")) == 10


def flat(levels: list[int], variance: float) -> BinSetInspection:
    """A bin set whose pixels have a few levels, and candidates of one width."""
    histogram = [0] * 256
    for level in levels:
        histogram[level] += 1
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    mixture = Mixture(third, torch.full_like(third, levels[0]), torch.full_like(third, variance))
    ranges = dict.fromkeys("ABC", (levels[0], levels[0]))
    return BinSetInspection(
        "red", 0, ranges, len(levels), "made", None, histogram, mixture, mixture
    )


@pytest.mark.parametrize("levels", [[0], [255], [0, 255], [7, 7, 9]])
@pytest.mark.parametrize("variance", [0.0, 1e-9, 1e6])
def test_extremes_are_drawn_with_finite_numbers(levels: list[int], variance: float) -> None:
    svg = bin_set_svg(flat(levels, variance))
    drawn(svg)
    assert "nan" not in svg and "inf" not in svg


def test_it_is_drawn_in_a_blink(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    seconds = []
    for _ in range(9):
        begun = time.thread_time()
        pixel_svg(pixel, 1)
        seconds.append(time.thread_time() - begun)
    assert min(seconds) < 0.02  # the least: a busy machine is no defect
