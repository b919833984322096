from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest
import torch

from ensir.comparison import Comparison, PixelInspection, compare, inspect_pixel
from ensir.ensemble.lookup_table import Origin
from ensir.fitting import fit_statistics
from ensir.palettes import CANDIDATE_COLOURS, CANDIDATE_SYMBOLS
from ensir.plots import bin_set_figure
from tests.conftest import make_pictures, make_statistics

WIDTH = 32
# A sum over curves drawn at quarter levels stands for the area; it is exact to this for a gaussian
# of a deviation of at least half a level that ends within 0..255.
AREA = 1e-3


@pytest.fixture(scope="module")
def compared() -> Comparison:
    """A picture fused by the statistics of another one, which leave some of its bin sets empty."""
    candidates, truth = make_pictures(seed=21, members=3, height=64, width=64, contrast=25)
    reference = make_statistics(
        make_pictures(seed=21, members=3, height=60, width=60, contrast=25), WIDTH
    )
    named = dict(zip("ABC", candidates, strict=True))
    return compare(named, truth=truth, reference=reference, bin_width=WIDTH)


def traces(figure: go.Figure, kind: str, dash: str | None = None) -> list[Any]:
    """The bars, or the lines with this dash, or the marks of a figure."""
    if kind == "bar":
        return [trace for trace in figure.data if trace.type == "bar"]
    found = [trace for trace in figure.data if trace.type == "scatter" and trace.mode == kind]
    return [trace for trace in found if trace.line.dash == dash] if kind == "lines" else found


def pixel_of_origin(compared: Comparison, origin: Origin) -> PixelInspection:
    """A pixel whose green bin set has this origin."""
    assert compared.table is not None
    levels = torch.stack(list(compared.candidates.values()))[:, 1]
    sets = compared.table.bins.index(levels)
    there = (compared.table.origin[1][compared.table.rows_of(sets)] == origin).nonzero()
    if not len(there):
        pytest.fail(f"the made picture has no pixel in a bin set that is {origin.name}")
    y, x = there[0].tolist()
    return inspect_pixel(compared, x, y)


def area(levels: Sequence[float], density: Sequence[float]) -> float:
    return float(torch.trapezoid(torch.tensor(density).double(), torch.tensor(levels).double()))


def test_a_fitted_bin_set_shows_bars_dashed_and_solid_curves_and_their_sum(
    compared: Comparison,
) -> None:
    figure = bin_set_figure(pixel_of_origin(compared, Origin.FITTED), 1)
    assert len(traces(figure, "bar")) == 1
    dashed = traces(figure, "lines", "dash")
    solid = traces(figure, "lines", "solid")
    assert [trace.line.color for trace in dashed] == list(CANDIDATE_COLOURS[:3])
    assert [trace.line.color for trace in solid] == list(CANDIDATE_COLOURS[:3])
    assert [trace.name for trace in traces(figure, "lines", None)] == ["sum, after EM"]
    assert len(traces(figure, "markers")) == 5  # A, B, C, fused and the ground truth
    assert not figure.layout.annotations


def test_a_bin_set_of_few_pixels_shows_what_it_starts_from_and_no_fit(
    compared: Comparison,
) -> None:
    figure = bin_set_figure(pixel_of_origin(compared, Origin.PRIOR), 1)
    assert len(traces(figure, "bar")) == 1
    assert len(traces(figure, "lines", "dash")) == 3
    assert not traces(figure, "lines", "solid")
    assert not traces(figure, "lines", None)


def test_an_empty_bin_set_shows_the_pixel_and_says_that_it_is_empty(compared: Comparison) -> None:
    blank = {name: torch.zeros_like(one) for name, one in compared.candidates.items()}
    blank["B"] = torch.full_like(blank["A"], 255)
    reference = make_statistics(make_pictures(seed=21, members=3), WIDTH)
    far = compare(blank, reference=reference, bin_width=WIDTH)
    figure = bin_set_figure(pixel_of_origin(far, Origin.EMPTY), 1)
    assert not traces(figure, "bar")
    assert not [trace for trace in figure.data if trace.mode == "lines"]
    assert len(traces(figure, "markers")) == 4
    assert "No pixel" in figure.layout.annotations[0].text


def test_a_table_without_statistics_says_so_and_draws_no_axes(compared: Comparison) -> None:
    table_only = compare(compared.candidates, reference=compared.table)
    figure = bin_set_figure(inspect_pixel(table_only, 0, 0), 1)
    assert not figure.data
    assert "without its statistics" in figure.layout.annotations[0].text
    assert figure.layout.xaxis.visible is figure.layout.yaxis.visible is False


def test_an_average_has_no_bin_sets_to_draw(compared: Comparison) -> None:
    figure = bin_set_figure(inspect_pixel(compare(compared.candidates), 0, 0), 1)
    assert not figure.data
    assert "no bin sets" in figure.layout.annotations[0].text


def test_bars_are_shares_that_add_up_to_one(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    for channel in range(3):
        bar = traces(bin_set_figure(pixel, channel), "bar")[0]
        assert list(bar.x) == list(range(256))
        assert sum(bar.y) == pytest.approx(1, abs=1e-12)
        histogram = pixel.bin_sets[channel].histogram
        assert histogram is not None
        assert sum(histogram) == pixel.bin_sets[channel].count


def test_the_area_of_a_curve_is_the_weight_of_its_candidate(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    bin_set = pixel.bin_sets[1]
    assert bin_set.first is not None
    assert bin_set.fitted is not None
    figure = bin_set_figure(pixel, 1)
    for dash, mixture in (("dash", bin_set.first), ("solid", bin_set.fitted)):
        assert mixture.variance.min() > 0.25
        areas = [area(trace.x, trace.y) for trace in traces(figure, "lines", dash)]
        assert areas == pytest.approx(mixture.weight.tolist(), abs=AREA)
    total = traces(figure, "lines", None)[0]
    assert area(total.x, total.y) == pytest.approx(1, abs=AREA)


def test_marks_stand_at_the_values_of_the_pixel(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    marks = traces(bin_set_figure(pixel, 2), "markers")
    names = ("A", "B", "C", "fused", "ground truth")
    assert [mark.x[0] for mark in marks] == [pixel.values[name][2] for name in names]
    assert [mark.marker.symbol for mark in marks[:3]] == list(CANDIDATE_SYMBOLS[:3])


def test_all_that_is_drawn_lies_within_the_shown_levels(compared: Comparison) -> None:
    for origin in (Origin.FITTED, Origin.PRIOR):
        pixel = pixel_of_origin(compared, origin)
        low, high = bin_set_figure(pixel, 1).layout.xaxis.range
        assert -1 <= low < high <= 256
        for values in pixel.values.values():
            assert low < values[1] < high
        for first, last in pixel.bin_sets[1].ranges.values():
            assert low < first <= last < high


def test_more_candidates_than_colours_are_drawn(compared: Comparison) -> None:
    candidates, truth = make_pictures(seed=5, members=9, contrast=5)
    names = tuple("ABCDEFGHI")
    reference = replace(make_statistics((candidates, truth), 128), candidate_names=names)
    assert fit_statistics(reference).table.candidate_names == names
    nine = compare(dict(zip(names, candidates, strict=True)), reference=reference, bin_width=128)
    figure = bin_set_figure(inspect_pixel(nine, 0, 0), 0)
    assert len(traces(figure, "markers")) == 10


def test_names_in_a_figure_are_text(compared: Comparison) -> None:
    # Plotly draws some markup in names and hover texts: <b> would come out bold, <a> as a link.
    candidates = {"<b>x</b>": compared.candidates["A"], "B": compared.candidates["B"]}
    figure = bin_set_figure(
        inspect_pixel(compare(candidates, reference=_two_of(candidates)), 0, 0), 1
    )
    texts = [trace.name or "" for trace in figure.data]
    texts += [trace.hovertemplate or "" for trace in figure.data]
    assert not any("<b>" in text for text in texts)


def _two_of(candidates: dict[str, torch.Tensor]) -> Any:  # noqa: ANN401 - statistics
    pictures = torch.stack(list(candidates.values()))
    made = make_statistics((pictures, pictures[0]), 32)
    return replace(made, candidate_names=tuple(candidates))
