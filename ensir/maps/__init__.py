"""Maps of a comparison, as numbers and as colours made from those numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ensir.comparison import CHANNELS, Comparison
from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.images import on_white
from ensir.maps.band import Band
from ensir.maps.blend import blended, in_grey
from ensir.maps.kinds import MAPS, MapKind, Needs, Of
from ensir.maps.scales import Categories, Scale, of_candidates


@dataclass(frozen=True)
class Layer:
    """One map: its kind, the candidate or picture it is of, and its channel."""

    kind: str  # a name in MAPS
    of: str = ""  # empty for a map of the whole
    channel: int | None = None  # None: what the kind shows of all channels together

    @property
    def title(self) -> str:
        """What it is called, with its channel: "weight of A, green"."""
        kind = MAPS[self.kind]
        channel = kind.all_channels if self.channel is None else CHANNELS[self.channel]
        return f"{kind.title.format(of=self.of)}, {channel}"


def layers(comparison: Comparison, channel: int | None = None) -> list[Layer]:
    """Every map that there is of this comparison."""
    return [
        Layer(name, of, channel)
        for name, kind in MAPS.items()
        if not missing(comparison, kind)
        for of in _named(comparison, kind)
    ]


def missing(comparison: Comparison, kind: MapKind) -> str:
    """What this kind of map needs and the comparison has not, in a sentence; else empty."""
    table = comparison.table
    there = {
        Needs.NOTHING: True,
        Needs.TABLE: table is not None,
        Needs.COUNTS: table is not None and bool((table.count >= 0).all()),
        Needs.EXPECTED: table is not None and table.expected_error is not None,
        Needs.TRUTH: comparison.truth is not None,
    }
    if there[kind.needs]:
        return ""
    of_table = kind.needs in (Needs.COUNTS, Needs.EXPECTED)
    return (Needs.TABLE if of_table and table is None else kind.needs).value


def map_values(comparison: Comparison, *wanted: Layer) -> list[Tensor]:
    """The values of maps, each (H, W) float32, or (3, H, W) where they are mixed colours.

    Made band by band: maps asked for together share what they need, and memory stays bounded.
    Raises InputError for a map that there is not, saying what is missing.
    """
    for layer in wanted:
        _check(comparison, layer)
    width, height = comparison.size
    made = [
        torch.empty(3, height, width) if MAPS[layer.kind].mixed else torch.empty(height, width)
        for layer in wanted
    ]
    for rows in comparison.bands():
        band = Band(comparison, rows)
        for layer, whole in zip(wanted, made, strict=True):
            whole[..., rows, :] = MAPS[layer.kind].values(band, layer.of, layer.channel)
    return made


def scale_of(comparison: Comparison, layer: Layer) -> Scale | Categories:
    """What the colours of a map say."""
    kind = MAPS[layer.kind]
    return kind.scale or of_candidates(tuple(comparison.candidates), kind.undecided)


def map_picture(comparison: Comparison, layer: Layer, of_map: Tensor, opacity: float = 1) -> Tensor:
    """The values of a map in their colours, (3, H, W) uint8.

    Below an `opacity` of 1 the fused picture is seen through them, in grey.
    """
    scale = scale_of(comparison, layer)
    picture = torch.empty(3, *of_map.shape[-2:], dtype=torch.uint8)
    for rows in comparison.bands():
        colours = scale.picture(of_map[..., rows, :])
        if opacity != 1:
            colours = blended(colours, in_grey(_fused(comparison, rows)), opacity)
        picture[:, rows] = colours
    return picture


def map_places(comparison: Comparison, layer: Layer, of_map: Tensor) -> Tensor | None:
    """The values of a map as places in the palette of its scale, (H, W) uint8.

    None where its colours are mixed, or more than the palette has: see `map_picture`.
    """
    scale = scale_of(comparison, layer)
    bands = [scale.places(of_map[..., rows, :]) for rows in comparison.bands()]
    there = [band for band in bands if band is not None]
    return torch.cat(there) if len(there) == len(bands) else None


def summary(comparison: Comparison, layer: Layer, of_map: Tensor) -> str:
    """The values of a map in short: their mean, in the scale's unit, or each category's share."""
    scale = scale_of(comparison, layer)
    if MAPS[layer.kind].mixed:
        return ""
    if isinstance(scale, Scale):
        mean = float(of_map.mean(dtype=torch.float64))
        if math.isnan(mean):
            mean = float(of_map.nanmean(dtype=torch.float64))
        if math.isnan(mean):
            return ""
        said = f"{mean:,.0f}" if abs(mean) >= 1000 else f"{mean:.3g}"
        return f"mean {said.replace('-', '−')}"
    if of_map.isnan().all():
        return ""
    share = torch.bincount(of_map.flatten().int(), minlength=len(scale.names)) / of_map.numel()
    parts = [f"{name} {part:.1%}" for name, part in zip(scale.names, share.tolist(), strict=True)]
    return ", ".join(part for part in parts if not part.endswith(" 0.0%"))


def _fused(comparison: Comparison, rows: slice) -> Tensor:
    """Rows of the fused picture as a screen shows it, (3, rows, W) uint8."""
    alpha = comparison.alpha
    return on_white(
        levels_of(comparison.fusion.image[:, rows]), None if alpha is None else alpha[rows]
    )


def _named(comparison: Comparison, kind: MapKind) -> tuple[str, ...]:
    """What there is a map of, by name."""
    names: dict[Of, tuple[str, ...]] = {
        Of.WHOLE: ("",),
        Of.CANDIDATE: tuple(comparison.candidates),
        Of.PICTURE: tuple(comparison.scored),
    }
    return names[kind.of]


def _check(comparison: Comparison, layer: Layer) -> None:
    if layer.kind not in tuple(MAPS):  # a list is no key, but can be compared
        raise InputError(f"there is no map {layer.kind!r:.80}: choose one of {', '.join(MAPS)}")
    kind = MAPS[layer.kind]
    if sentence := missing(comparison, kind):
        raise InputError(sentence)
    if layer.of not in _named(comparison, kind):
        raise InputError(
            f"there is no map {layer.kind!r} of {layer.of!r:.80}: it is of {kind.of.value}"
        )
    if layer.channel is not None and layer.channel not in range(len(CHANNELS)):
        raise InputError(f"a channel is 0 to {len(CHANNELS) - 1}, got {layer.channel!r:.40}")
