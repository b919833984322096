"""The layers of the viewer: every picture and map of a comparison, made when they are looked at."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from ensir.comparison import AVERAGE, CHANNELS, FUSED, INPUT, TRUTH, Comparison
from ensir.ensemble.levels import levels_of
from ensir.errors import InputError
from ensir.images import on_white
from ensir.maps import MAPS, Layer, layers, map_picture, map_values, scale_of
from ensir.maps.scales import Scale
from ensir.ui import viewer
from ensir.ui.pictures import shown
from ensir.ui.viewer import Legend, ViewerValue, stored_values

ALL = "all three"
MAP_CHANNELS = (ALL, *CHANNELS)
WINNER = MAPS["largest weight"].title
# Of a layer's exact numbers, sent beside its picture; of larger ones the levels alone are read.
MOST_NUMBERS = 32 * 2**20
STOPS = 16  # of a colour bar
WHITE_OF_16_BITS = 65535


def place_of(channel: str) -> int | None:
    """The place of a channel of maps; None for all three. Raises InputError for another."""
    if channel not in MAP_CHANNELS:
        raise InputError(f"maps are of {', '.join(MAP_CHANNELS)}; got {channel!r:.80}")
    return None if channel == ALL else CHANNELS.index(channel)


def picture_names(comparison: Comparison) -> list[str]:
    """Every picture there is, those most looked at first."""
    first = [name for name in (INPUT, FUSED, AVERAGE, TRUTH) if name in comparison.pictures]
    return [*first, *comparison.candidates]


def maps_by_name(comparison: Comparison, channel: int | None) -> dict[str, Layer]:
    """Every map there is, by what it is called; a picture of that name goes before."""
    named = {MAPS[it.kind].title.format(of=it.of): it for it in layers(comparison, channel)}
    taken = comparison.pictures
    return {f"{name} (map)" if name in taken else name: it for name, it in named.items()}


def first_panels(comparison: Comparison) -> tuple[str, ...]:
    """What the viewer opens on: what came, what became of it, and which model won."""
    came = INPUT if comparison.degraded is not None else AVERAGE
    # Not another layer for an average: other panels would take the visitor's own choice away.
    return came, FUSED, WINNER


def viewer_value(
    comparison: Comparison,
    looked_at: Collection[str] = (),
    *,
    map_channel: str = ALL,
    pinned: tuple[int, int] | None = None,
    highlight: str | None = None,
) -> ViewerValue:
    """All layers by name, those that are looked at with their pictures and numbers.

    Of the others the viewer asks when a visitor chooses one. Names that there are not are passed
    over. `highlight` is the path of a mask.
    """
    channel = place_of(map_channel)
    panels = first_panels(comparison)
    reference = TRUTH if comparison.truth is not None else panels[0]
    made = {*looked_at, *panels, reference}
    maps = maps_by_name(comparison, channel)
    wanted = {name: it for name, it in maps.items() if name in made}
    values = dict(zip(wanted, map_values(comparison, *wanted.values()), strict=True))
    return ViewerValue(
        size=comparison.size,
        layers=(
            *(_of_picture(comparison, name, name in made) for name in picture_names(comparison)),
            *(_of_map(comparison, name, it, values.get(name)) for name, it in maps.items()),
        ),
        panels=panels,
        reference=reference,
        truth=None if comparison.truth is None else TRUTH,
        pinned=pinned,
        highlight=highlight,
    )


def layer_picture(comparison: Comparison, name: str, map_channel: str = ALL) -> Tensor:
    """A picture, on white, or map by name, (3, H, W) uint8. Raises InputError for another name."""
    if name in comparison.pictures:
        return on_white(levels_of(comparison.pictures[name]), comparison.alpha)
    maps = maps_by_name(comparison, place_of(map_channel))
    if name not in maps:
        raise InputError(f"there is no picture {name!r:.80}: choose one of the list")
    (values,) = map_values(comparison, maps[name])
    return map_picture(comparison, maps[name], values)


def legend_of(comparison: Comparison, layer: Layer) -> Legend:
    """What the colours of a map mean."""
    scale, kind = scale_of(comparison, layer), MAPS[layer.kind]
    channel = kind.all_channels if layer.channel is None else CHANNELS[layer.channel]
    meaning = f"{kind.meaning} Of {'the ' * (layer.channel is None)}{channel}."
    if isinstance(scale, Scale):
        labels = tuple(said for _, said in scale.ticks)
        return Legend(f"{meaning} In {scale.unit}.", tuple(scale.stops(STOPS)), labels)
    return Legend(meaning, scale.colours, scale.names, is_key=True)


def _of_picture(comparison: Comparison, name: str, is_made: bool) -> viewer.Layer:
    picture = comparison.pictures[name]
    white = WHITE_OF_16_BITS if picture.dtype == torch.uint16 else 255
    if not is_made:
        return viewer.Layer(name, None, white=white)
    # What is on screen is rounded to 8 bits, and on white where it is transparent.
    is_itself = picture.dtype == torch.uint8 and comparison.alpha is None
    return viewer.Layer(
        name,
        shown(layer_picture(comparison, name)),
        values=None if is_itself or picture.nbytes > MOST_NUMBERS else stored_values(picture),
        white=white,
    )


def _of_map(comparison: Comparison, name: str, layer: Layer, values: Tensor | None) -> viewer.Layer:
    legend = legend_of(comparison, layer)
    if values is None:
        return viewer.Layer(name, None, kind="map", legend=legend)
    picture = shown(map_picture(comparison, layer, values))
    if legend.is_key and not MAPS[layer.kind].mixed:
        values = values.to(torch.uint8)  # places of the key, in a quarter of the room
    is_read = not MAPS[layer.kind].mixed and values.nbytes <= MOST_NUMBERS
    return viewer.Layer(
        name,
        picture,
        kind="map",
        values=stored_values(values[None]) if is_read else None,
        legend=legend,
    )
