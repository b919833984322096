import math
from dataclasses import replace

import pytest
import torch

from ensir.comparison import AVERAGE, FUSED, INPUT, TRUTH, Comparison, compare
from ensir.ensemble.lookup_table import Origin
from ensir.ensemble.mixture import Mixture
from ensir.inspection import PixelInspection, inspect_pixel
from ensir.probe import NOTHING, bin_set_words, probe
from tests.conftest import make_pictures, make_statistics

CANDIDATES, GROUND_TRUTH = make_pictures(seed=31, members=3, height=70, width=50, contrast=25)
ABC = dict(zip("ABC", CANDIDATES, strict=True))
REFERENCE = make_statistics(make_pictures(seed=32, members=3, height=70, width=50, contrast=25), 16)

CHANNEL_OF = {Origin.FITTED: 1, Origin.PRIOR: 1, Origin.EMPTY: 2}  # where the picture has such


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(
        ABC, degraded=CANDIDATES[0], truth=GROUND_TRUTH, reference=REFERENCE, bin_width=32
    )


def pixel_of_origin(compared: Comparison, origin: Origin) -> PixelInspection:
    """A pixel whose cell in CHANNEL_OF has this origin."""
    assert compared.table is not None
    sets = compared.table.bins.index(torch.stack(list(compared.candidates.values())))
    channel = CHANNEL_OF[origin]
    y, x = (compared.table.origin[channel][sets[channel]] == origin).nonzero()[0].tolist()
    return inspect_pixel(compared, x, y)


def density(level: float, weight: float, mean: float, deviation: float) -> float:
    distance = (level - mean) / deviation
    return weight * math.exp(-(distance**2) / 2) / (deviation * math.sqrt(2 * math.pi))


def test_each_picture_has_a_row_with_its_value_and_its_signed_error(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    for channel in range(3):
        made = probe(pixel, channel)
        assert [row.name for row in made.rows] == ["A", "B", "C", FUSED, AVERAGE, INPUT, TRUTH]
        truth = int(GROUND_TRUTH[channel, pixel.y, pixel.x])
        for row in made.rows:
            assert row.value == pixel.values[row.name][channel]
            assert row.error == (None if row.name == TRUTH else row.value - truth)
        for row in made.rows[3:]:
            assert row.weight is row.bin_range is row.mean is row.responsibility is None


def test_responsibilities_are_those_of_bayes_at_the_level_of_the_truth(
    compared: Comparison,
) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    made = probe(pixel, 1)
    assert made.responsible_at == TRUTH
    fitted = pixel.bin_sets[1].fitted
    assert fitted is not None
    level = pixel.values[TRUTH][1]
    parts = []
    for place, row in enumerate(made.rows[:3]):
        assert row.mean is not None and row.deviation is not None
        assert row.weight == pixel.weights[row.name][1]
        assert row.first_weight == float(pixel.bin_sets[1].first.weight[place])
        assert row.bin_range == pixel.bin_sets[1].ranges[row.name]
        assert row.deviation == pytest.approx(float(fitted.variance[place]) ** 0.5, rel=1e-12)
        parts.append(density(level, float(fitted.weight[place]), row.mean, row.deviation))
    expected = [part / sum(parts) for part in parts]
    assert [row.responsibility for row in made.rows[:3]] == pytest.approx(expected, abs=1e-9)


def test_without_a_truth_the_level_is_that_of_the_fused_value(compared: Comparison) -> None:
    unknown = replace(compared, truth=None)
    pixel = pixel_of_origin(unknown, Origin.FITTED)
    made = probe(pixel, 1)
    assert made.responsible_at == FUSED
    assert made.columns[-1] == "responsibility" and made.responsible_at == FUSED
    assert all(row.error is None for row in made.rows)
    fitted = pixel.bin_sets[1].fitted
    assert fitted is not None
    level = math.floor(pixel.values[FUSED][1] + 0.5)
    parts = [
        density(level, *numbers)
        for numbers in zip(
            fitted.weight.tolist(),
            fitted.mean.tolist(),
            fitted.variance.sqrt().tolist(),
            strict=True,
        )
    ]
    found = [row.responsibility for row in made.rows[:3]]
    assert found == pytest.approx([part / sum(parts) for part in parts], abs=1e-9)


def test_a_cell_that_was_not_fitted_has_no_responsibilities(compared: Comparison) -> None:
    few = probe(pixel_of_origin(compared, Origin.PRIOR), 1)
    assert all(row.responsibility is None and row.mean is not None for row in few.rows[:3])
    empty = probe(pixel_of_origin(compared, Origin.EMPTY), CHANNEL_OF[Origin.EMPTY])
    assert all(row.mean is None and row.bin_range is not None for row in empty.rows[:3])
    averaged = probe(inspect_pixel(compare(ABC), 3, 4), 1)
    assert all(row.bin_range is None and row.weight == 1 / 3 for row in averaged.rows[:3])


def test_a_component_of_no_width_is_responsible_for_its_own_level_alone(
    compared: Comparison,
) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    level = pixel.values[TRUTH][1]
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    mean = torch.tensor([level, level + 5, 0], dtype=torch.float64)
    flat = replace(pixel.bin_sets[1], fitted=Mixture(third, mean, torch.zeros_like(mean)))
    flat_pixel = replace(pixel, bin_sets=(pixel.bin_sets[0], flat, pixel.bin_sets[2]))
    assert [row.responsibility for row in probe(flat_pixel, 1).rows[:3]] == [1, 0, 0]


def test_the_table_in_words_has_a_cell_for_every_column(compared: Comparison) -> None:
    made = probe(pixel_of_origin(compared, Origin.FITTED), 1)
    assert made.columns[-1] == "responsibility" and made.responsible_at == TRUTH
    for row, cells in zip(made.rows, made.cells, strict=True):
        assert len(cells) == len(made.columns)
        assert cells[0] == row.name
        assert float(cells[1]) == pytest.approx(row.value, abs=0.005)
        assert "-" not in "".join(cells[1:])
        if row.error is not None:
            assert float(cells[2].replace("−", "-")) == pytest.approx(row.error, abs=0.00501)
        assert (cells[3] == NOTHING) == (row.weight is None)
    assert made.cells[0][5] == "{}–{}".format(*made.rows[0].bin_range)


def test_the_sentence_says_what_the_bin_set_is(compared: Comparison) -> None:
    pixel = pixel_of_origin(compared, Origin.FITTED)
    bin_set = pixel.bin_sets[1]
    assert probe(pixel, 1).bin_set == (
        f"Bin set {bin_set.number:,}: {bin_set.count:,} reference pixels, fitted by EM in "
        f"{bin_set.steps} steps."
    )
    assert "averaged" in bin_set_words(None)
    silent = replace(bin_set, count=None, steps=None)
    assert bin_set_words(silent) == f"Bin set {bin_set.number:,}: fitted by EM."
