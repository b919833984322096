"""The kinds of maps there are, as data: what each shows, of what, in which colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from ensir.maps import scales, values
from ensir.maps.band import Band
from ensir.maps.scales import Categories, Scale

MEAN_OF_CHANNELS = "mean of the three channels"


class Of(Enum):
    """What there is a map of."""

    WHOLE = "the whole"
    CANDIDATE = "each candidate"
    PICTURE = "each picture that is held against the ground truth"


class Needs(Enum):
    """What a map cannot be made without, and what to do where it is missing."""

    NOTHING = ""
    TABLE = "this map needs a lookup table: choose where the weights come from"
    COUNTS = "this table does not say how many pixels its bin sets had: load its statistics"
    EXPECTED = "this table does not say what error to expect: fit it again"
    TRUTH = "errors need a ground truth: add one first"


@dataclass(frozen=True)
class MapKind:
    """What one kind of map shows."""

    title: str  # {of} stands for the name of what it is of
    meaning: str  # a sentence on what its values and colours say
    values: Callable[[Band, str, int | None], Tensor]  # see `maps.values`
    scale: Scale | Categories | None  # None: the candidates in their own colours
    of: Of = Of.WHOLE
    needs: Needs = Needs.NOTHING
    all_channels: str = MEAN_OF_CHANNELS  # what is shown where no channel is chosen
    mixed: bool = False  # the values are colours already, (3, H, W) from 0 to 255
    undecided: str = ""  # what the place after the last candidate stands for, if for anything


MAPS: dict[str, MapKind] = {
    "weight": MapKind(
        "weight of {of}",
        "The share of the model in the fused value.",
        values.weight,
        scales.WEIGHT,
        of=Of.CANDIDATE,
    ),
    "weight gain": MapKind(
        "weight of {of} less that of averaging",
        "Blue where the model has more weight than in the plain average, red where less.",
        values.weight_gain,
        scales.WEIGHT_GAIN,
        of=Of.CANDIDATE,
    ),
    "largest weight": MapKind(
        "largest weight",
        "The model with the largest weight; none where another has as much.",
        values.largest_weight,
        None,
        undecided="equal weights",
    ),
    "mixed colours": MapKind(
        "colours mixed by the weights",
        "The models' colours mixed by their weights; the map of each model says how much exactly.",
        values.mixed_colours,
        None,
        mixed=True,
    ),
    "entropy": MapKind(
        "entropy of the weights",
        "0 where one model has all the weight, 1 where all have the same.",
        values.entropy,
        scales.ENTROPY,
    ),
    "disagreement": MapKind(
        "disagreement of the candidates",
        "The root of the candidates' mean squared difference to their average.",
        values.disagreement,
        scales.LEVELS_APART,
    ),
    "spread": MapKind(
        "largest candidate less the smallest",
        "How far apart the candidates lie at most.",
        values.spread,
        scales.WIDE_LEVELS_APART,
    ),
    "change": MapKind(
        "fused less average",
        "Blue where the fused value is above the average of the candidates, red where below.",
        values.fused_change,
        scales.GAIN,
    ),
    "coverage": MapKind(
        "coverage",
        "Whether the weights were fitted; where the reference set has too few pixels of a bin "
        "set, or none, they are what the method gives in their place.",
        values.coverage,
        scales.COVERAGE,
        needs=Needs.TABLE,
        all_channels="worst of the three channels",
    ),
    "reference pixels": MapKind(
        "reference pixels in the bin set",
        "How many pixels of the reference set the weights rest on.",
        values.count,
        scales.PIXELS,
        needs=Needs.COUNTS,
        all_channels="fewest of the three channels",
    ),
    "expected error": MapKind(
        "expected error",
        "The root of the mean squared error that these weights had on the reference set; grey "
        "where it has no pixel.",
        values.expected_error,
        scales.LEVELS_APART,
        needs=Needs.EXPECTED,
        all_channels="root of the three channels' mean square",
    ),
    "error": MapKind(
        "error of {of}",
        "The absolute difference to the ground truth; one scale for all pictures.",
        values.absolute_error,
        scales.ERROR,
        of=Of.PICTURE,
        needs=Needs.TRUTH,
    ),
    "signed error": MapKind(
        "signed error of {of}",
        "Blue where the picture is lighter than the ground truth, red where darker; one scale "
        "for all pictures.",
        values.signed_error,
        scales.SIGNED_ERROR,
        of=Of.PICTURE,
        needs=Needs.TRUTH,
    ),
    "gain": MapKind(
        "gain over average",
        "Blue where fusing errs less than averaging, red where it errs more.",
        values.gain,
        scales.GAIN,
        needs=Needs.TRUTH,
    ),
}
