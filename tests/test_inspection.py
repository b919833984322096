import pytest
import torch

from ensir.comparison import (
    AVERAGE,
    CHANNELS,
    FUSED,
    INPUT,
    TRUTH,
    Comparison,
    compare,
    statistics_of_truth,
)
from ensir.ensemble.levels import in_depth
from ensir.ensemble.lookup_table import Origin
from ensir.errors import InputError
from ensir.inspection import (
    ORIGIN_WORDS,
    inspect_bin_set,
    inspect_pixel,
    most_disputed_pixel,
    origin_words,
    what_if,
)
from tests.conftest import make_pictures, make_statistics

CANDIDATES, GROUND_TRUTH = make_pictures(seed=31, members=3, height=70, width=50, contrast=25)
ABC = dict(zip("ABC", CANDIDATES, strict=True))
REFERENCE = make_statistics(make_pictures(seed=32, members=3, height=70, width=50, contrast=25), 16)
WIDTH = 32


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(
        ABC, degraded=CANDIDATES[0], truth=GROUND_TRUTH, reference=REFERENCE, bin_width=WIDTH
    )


def some_pixels() -> list[tuple[int, int]]:
    random = torch.Generator().manual_seed(1)
    x = torch.randint(0, 50, (12,), generator=random).tolist()
    y = torch.randint(0, 70, (12,), generator=random).tolist()
    return [*zip(x, y, strict=True), (0, 0), (49, 69)]


def test_a_pixel_has_the_values_and_weights_of_the_fusion(compared: Comparison) -> None:
    for x, y in some_pixels():
        pixel = inspect_pixel(compared, x, y)
        assert list(pixel.values) == ["A", "B", "C", FUSED, AVERAGE, INPUT, TRUTH]
        weights = torch.tensor([pixel.weights[name] for name in "ABC"], dtype=torch.float64)
        assert torch.equal(weights, compared.fusion.weights[:, :, y, x])
        values = torch.tensor([pixel.values[name] for name in "ABC"], dtype=torch.float64)
        assert torch.equal(values, CANDIDATES[:, :, y, x].double())
        fused = torch.tensor(pixel.values[FUSED])
        assert torch.equal(fused, compared.fusion.image[:, y, x])
        # Stored as float32: half a step at 255 is 8e-6.
        assert ((weights * values).sum(0) - fused).abs().max() < 1e-5


def test_a_pixel_has_the_bin_set_that_raw_pixels_give(compared: Comparison) -> None:
    candidates, truth = make_pictures(seed=32, members=3, height=70, width=50, contrast=25)
    seen = set()
    for x, y in some_pixels():
        pixel = inspect_pixel(compared, x, y)
        for channel, bin_set in enumerate(pixel.bin_sets):
            bins = CANDIDATES[:, channel, y, x].long() // WIDTH
            same = (candidates[:, channel].long() // WIDTH == bins[:, None, None]).all(0)
            inside = truth[channel][same].long()
            seen.add(bin_set.origin)
            assert bin_set.channel == CHANNELS[channel]
            assert bin_set.number == int(bins @ torch.tensor([64, 8, 1]))
            assert bin_set.count == len(inside)
            for place, name in enumerate("ABC"):
                first = int(bins[place]) * WIDTH
                assert bin_set.ranges[name] == (first, first + WIDTH - 1)
            if not len(inside):
                assert bin_set.origin == ORIGIN_WORDS[Origin.EMPTY]
                assert sum(bin_set.histogram or []) == 0
                assert bin_set.first is bin_set.fitted is None
                continue
            assert bin_set.histogram == torch.bincount(inside, minlength=256).tolist()
            values = candidates[:, channel][:, same].double()
            assert bin_set.first is not None
            assert (bin_set.first.mean - values.mean(1)).abs().max() < 1e-9
            assert (bin_set.first.variance - values.var(1, correction=0)).abs().max() < 1e-9
            fitted = len(inside) >= 100
            assert (bin_set.fitted is not None) == (bin_set.steps is not None) == fitted
            assert bin_set.origin == ORIGIN_WORDS[Origin.FITTED if fitted else Origin.PRIOR]
            if bin_set.fitted is not None:
                weights = torch.tensor([pixel.weights[name][channel] for name in "ABC"])
                assert (bin_set.fitted.weight - weights).abs().max() < 1e-6  # read as float32
    assert len(seen) == len(Origin)


def test_the_last_bin_of_a_width_that_does_not_divide_256_ends_at_255() -> None:
    white = {name: torch.full((3, 4, 4), 255, dtype=torch.uint8) for name in "AB"}
    reference = statistics_of_truth(white, white["A"], 96)
    pixel = inspect_pixel(compare(white, reference=reference, bin_width=96), 0, 0)
    assert pixel.bin_sets[0].ranges["A"] == (192, 255)


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (50, 0), (0, -1), (0, 70)])
def test_a_pixel_outside_is_refused(compared: Comparison, x: int, y: int) -> None:
    with pytest.raises(InputError, match="whole number from 0 to"):
        inspect_pixel(compared, x, y)


def test_the_most_disputed_pixel_is_where_candidates_lie_furthest_apart() -> None:
    spread = (CANDIDATES.long().amax(0) - CANDIDATES.long().amin(0)).sum(0)
    x, y = most_disputed_pixel(compare(ABC))
    assert spread[y, x] == spread.max()
    compared = compare(ABC, reference=REFERENCE, bin_width=64)
    x, y = most_disputed_pixel(compared)  # with a table, of those that were fitted
    table = compared.table
    assert table is not None
    origins = [
        table.origin[channel].take(table.rows_of(table.bins.index(CANDIDATES[:, channel])))
        for channel in range(3)
    ]
    fitted = (torch.stack(origins) == Origin.FITTED).all(0)
    assert fitted[y, x] and not fitted.all()
    assert spread[y, x] == spread[fitted].max()


def one_pixel(compared: Comparison, x: int, y: int, channel: int, **values: int) -> Comparison:
    """The pixel as a picture of its own with some values changed, compared from the start."""
    candidates = {name: one[:, y : y + 1, x : x + 1].clone() for name, one in ABC.items()}
    for name, value in values.items():
        candidates[name][channel] = value
    truth = GROUND_TRUTH[:, y : y + 1, x : x + 1]
    return compare(candidates, truth=truth, reference=REFERENCE, bin_width=WIDTH)


def test_what_if_nothing_changed_is_the_pixel_itself(compared: Comparison) -> None:
    for x, y in some_pixels():
        pixel, same = inspect_pixel(compared, x, y), what_if(compared, x, y, 1, {})
        assert (same.x, same.y, same.weights, same.values) == ((x, y, pixel.weights, pixel.values))
        assert [one.number for one in same.bin_sets] == [one.number for one in pixel.bin_sets]


def test_what_if_moves_bin_set_weights_and_fused_value_of_its_channel_alone(
    compared: Comparison,
) -> None:
    x, y = 10, 20
    pixel = inspect_pixel(compared, x, y)
    moved = what_if(compared, x, y, 1, {"A": 250, "C": 3})
    expected = inspect_pixel(one_pixel(compared, x, y, 1, A=250, C=3), 0, 0)
    assert moved.weights == expected.weights
    assert [one.number for one in moved.bin_sets] == [one.number for one in expected.bin_sets]
    for name in ("A", "B", "C", FUSED, AVERAGE, TRUTH):
        assert moved.values[name] == expected.values[name]
    assert moved.values["A"][1] == 250
    assert moved.bin_sets[1].number != pixel.bin_sets[1].number
    for channel in (0, 2):
        assert moved.bin_sets[channel].number == pixel.bin_sets[channel].number
        assert moved.values[FUSED][channel] == pixel.values[FUSED][channel]


def test_what_if_takes_any_number_on_the_scale_whatever_the_pictures_are(
    compared: Comparison,
) -> None:
    moved = what_if(compared, 1, 2, 0, {"B": 31.5})
    assert moved.values["B"][0] == 31.5
    assert moved.bin_sets[0].ranges["B"] == (32, 63)  # the level nearest to it, half up
    deep = compare({name: in_depth(one, torch.uint16) for name, one in ABC.items()})
    averaged = what_if(deep, 1, 2, 0, {"A": 0, "B": 0, "C": 0.75})
    assert averaged.values[FUSED][0] == averaged.values[AVERAGE][0] == 0.25
    assert not averaged.bin_sets


@pytest.mark.parametrize(
    ("channel", "values", "said"),
    [
        (1, {"D": 3}, "'D' is no candidate here: choose one of A, B, C"),
        (1, {FUSED: 3}, "is no candidate here"),
        (1, {"A": 256}, "the value of A is a number from 0 to 255, got 256"),
        (1, {"A": float("nan")}, "got nan"),
        (1, {"A": True}, "got True"),
        (3, {}, "a channel is 0 to 2, got 3"),
    ],
)
def test_what_cannot_be_is_refused(
    compared: Comparison, channel: int, values: dict[str, float], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        what_if(compared, 0, 0, channel, values)


def test_what_if_is_asked_of_a_pixel_inside(compared: Comparison) -> None:
    with pytest.raises(InputError, match="x is a whole number from 0 to 49"):
        what_if(compared, 50, 0, 0, {})


@pytest.mark.parametrize(("channel", "number"), [(3, 0), (0, 512), (0, -1)])
def test_a_bin_set_that_there_is_not_is_refused(
    compared: Comparison, channel: int, number: int
) -> None:
    assert compared.table is not None
    with pytest.raises(InputError, match="number from 0 to 511"):
        inspect_bin_set(compared.table, compared.fits, channel, number)


def test_the_origin_says_what_fitted_the_table() -> None:
    assert origin_words(Origin.FITTED, "em") == "fitted by EM"
    assert origin_words(Origin.FITTED, "published") == "fitted by EM"
    assert origin_words(Origin.FITTED, "least-squares") == "fitted by least squares"
    for method in ("em", "least-squares"):
        assert origin_words(Origin.EMPTY, method) == ORIGIN_WORDS[Origin.EMPTY]


def test_least_squares_is_named_and_makes_no_steps() -> None:
    compared = compare(ABC, reference=REFERENCE, bin_width=WIDTH, method="least-squares")
    origins = set()
    for x, y in some_pixels():
        for bin_set in inspect_pixel(compared, x, y).bin_sets:
            origins.add(bin_set.origin)
            assert bin_set.steps is None
    assert "fitted by least squares" in origins
