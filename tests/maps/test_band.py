import pytest
import torch

from ensir.comparison import Comparison
from ensir.errors import InputError
from ensir.maps.band import Band

ROWS = slice(10, 17)


def test_a_band_has_the_rows_of_the_pictures_in_one_channel_or_all(compared: Comparison) -> None:
    band = Band(compared, ROWS)
    assert torch.equal(band.values("B", None), compared.candidates["B"][:, ROWS].double())
    assert torch.equal(band.values("B", 2), compared.candidates["B"][2:, ROWS].double())
    for place, weights in enumerate(band.weights_of(1)):
        assert torch.equal(weights, compared.fusion.weights[place, 1:2, ROWS])
    assert [tuple(one.shape) for one in band.candidates(0)] == [(1, 7, 50)] * 3


def test_the_bin_sets_of_a_band_are_those_of_the_table(compared: Comparison) -> None:
    assert compared.table is not None
    levels = torch.stack(list(compared.candidates.values()))
    expected = compared.table.bins.index(levels)
    band = Band(compared, ROWS)
    for channel in (2, 0, 2):
        assert torch.equal(band.bin_sets(channel), expected[channel, ROWS])
    counts = band.cell_values(compared.table.count, None)
    for channel, count in enumerate(counts):
        assert torch.equal(count, compared.table.count[channel][expected[channel, ROWS]])
    assert torch.equal(band.cell_values(compared.table.count, 1)[0], counts[1])


def test_a_band_says_what_is_missing(averaged: Comparison) -> None:
    with pytest.raises(InputError, match="needs a lookup table"):
        Band(averaged, ROWS).bin_sets(0)
    with pytest.raises(InputError, match="errors need a ground truth"):
        Band(averaged, ROWS).errors("A", 0)
