"""The layers of the viewer: every picture and map of a comparison, made when they are looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ensir.comparison import AVERAGE, CHANNELS, FUSED, INPUT, TRUTH, Comparison
from ensir.ensemble.levels import levels_of, values_of
from ensir.errors import InputError
from ensir.images import on_white
from ensir.looks import Look
from ensir.maps import MAPS, Layer, layers, map_picture, map_places, map_values, scale_of
from ensir.maps.blend import level_of
from ensir.maps.export import OVER_GREY
from ensir.maps.scales import Scale
from ensir.ui import viewer
from ensir.ui.pictures import is_kept, shown, shown_places
from ensir.ui.viewer import Legend, ViewerValue, stored_values

ALL = "all three"
MAP_CHANNELS = (ALL, *CHANNELS)
SOLID = 100  # the opacity of maps, in percent, that lets nothing through
WINNER = MAPS["largest weight"].title
# Of a layer's exact numbers, sent beside its picture; of larger ones the levels alone are read.
MOST_NUMBERS = 32 * 2**20
STOPS = 16  # of a colour bar

Layers = Mapping[str, viewer.Layer]  # by name; files and words alone


@dataclass(frozen=True)
class _Made:
    """The layers that were made of a comparison: of its pictures, and of its maps in one look."""

    pictures: Layers = field(default_factory=dict)
    maps: Layers = field(default_factory=dict)
    look: tuple[int | None, float] | None = None  # channel and opacity


_made: WeakKeyDictionary[Comparison, _Made] = WeakKeyDictionary()


def place_of(channel: str) -> int | None:
    """The place of a channel of maps; None for all three. Raises InputError for another."""
    if channel not in MAP_CHANNELS:
        raise InputError(f"maps are of {', '.join(MAP_CHANNELS)}; got {channel!r:.80}")
    return None if channel == ALL else CHANNELS.index(channel)


def share_of(opacity: float) -> float:
    """An opacity in percent as a share. Raises InputError for what is none."""
    if type(opacity) not in (int, float) or not 0 <= opacity <= SOLID:
        raise InputError(f"an opacity is a number from 0 to 100 percent, got {opacity!r:.40}")
    return opacity / SOLID


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


def maps_in_panels(comparison: Comparison, map_channel: str = ALL) -> list[Layer]:
    """The maps that the viewer opens on."""
    maps = maps_by_name(comparison, place_of(map_channel))
    return [maps[name] for name in first_panels(comparison) if name in maps]


def viewer_value(
    comparison: Comparison,
    looked_at: Collection[str] = (),
    *,
    map_channel: str = ALL,
    opacity: float = SOLID,
    pinned: tuple[int, int] | None = None,
    highlight: str | None = None,
    look: Look | None = None,
    known: Mapping[Layer, Tensor] | None = None,
) -> ViewerValue:
    """All layers by name, those that are looked at with their pictures and numbers.

    Of the others the viewer asks when a visitor chooses one. Names that there are not are passed
    over. `opacity` is that of the maps, in percent; `highlight` is the path of a mask; `known` are
    the values of maps that were worked out already.
    """
    channel, opacity = place_of(map_channel), share_of(opacity)
    panels = first_panels(comparison)
    reference = TRUTH if comparison.truth is not None else panels[0]
    wanted = {*looked_at, *panels, reference, *([] if look is None else look.layers)}
    made = picture_layers(comparison, wanted)
    pictures, maps = picture_names(comparison), maps_by_name(comparison, channel)
    before, look_of_maps = _made[comparison], (channel, opacity)
    maps_before = before.maps if before.look == look_of_maps else {}
    made_maps = _still_there(maps_before, wanted)
    lacking = {name: maps[name] for name in wanted & maps.keys() - made_maps.keys()}
    values = values_of_maps(comparison, lacking.values(), known)
    made_maps |= {
        name: _of_map(comparison, name, it, values[it], opacity) for name, it in lacking.items()
    }
    _made[comparison] = _Made(before.pictures, {**maps_before, **made_maps}, look_of_maps)
    return ViewerValue(
        size=comparison.size,
        layers=(
            *(made[name] if name in wanted else viewer.Layer(name, None) for name in pictures),
            *(
                made_maps[name] if name in wanted else _not_made(comparison, name, it, opacity)
                for name, it in maps.items()
            ),
        ),
        panels=panels,
        reference=reference,
        truth=None if comparison.truth is None else TRUTH,
        pinned=pinned,
        highlight=highlight,
        look=look,
    )


def picture_layers(comparison: Comparison, wanted: Collection[str]) -> Layers:
    """Those of the names that are pictures, made; what was made before is found again."""
    before = _made.get(comparison, _Made())
    made = _still_there(before.pictures, wanted)
    lacking = {*wanted} & {*picture_names(comparison)} - made.keys()
    made |= {name: _of_picture(comparison, name) for name in lacking}
    _made[comparison] = replace(before, pictures={**before.pictures, **made})
    return made


def values_of_maps(
    comparison: Comparison, wanted: Iterable[Layer], known: Mapping[Layer, Tensor] | None = None
) -> dict[Layer, Tensor]:
    """The values of maps, those worked out that are not `known`: in one pass, which they share."""
    values = dict(known or {})
    unknown = [layer for layer in dict.fromkeys(wanted) if layer not in values]
    return values | dict(zip(unknown, map_values(comparison, *unknown), strict=True))


def map_shown(comparison: Comparison, layer: Layer, values: Tensor, opacity: float) -> str:
    """The path of a PNG of a map, of an opacity from 0 to 1 over the fused picture."""
    places = map_places(comparison, layer, values) if opacity == 1 else None
    if places is None:
        return shown(map_picture(comparison, layer, values, opacity), is_map=True)
    return shown_places(places, scale_of(comparison, layer).palette)


def layer_picture(comparison: Comparison, name: str) -> Tensor:
    """A picture by name, on white where it is transparent, (3, H, W) uint8."""
    return on_white(levels_of(comparison.pictures[name]), comparison.alpha)


def legend_of(comparison: Comparison, layer: Layer, opacity: float = 1) -> Legend:
    """What the colours of a map mean, of an opacity from 0 to 1 over the fused picture."""
    scale, kind = scale_of(comparison, layer), MAPS[layer.kind]
    channel = kind.all_channels if layer.channel is None else CHANNELS[layer.channel]
    meaning = f"{kind.meaning} Of {'the ' * (layer.channel is None)}{channel}."
    over = "" if opacity == 1 else f" {OVER_GREY}"
    if not isinstance(scale, Scale):
        return Legend(meaning + over, _seen(scale.colours, opacity), scale.names, is_key=True)
    return Legend(
        f"{meaning} In {scale.unit}.{over}",
        _seen(scale.stops(STOPS), opacity),
        tuple(said for _, said in scale.ticks),
        tuple(scale.place(value) for value, _ in scale.ticks),
    )


def _seen(colours: Sequence[str], opacity: float) -> tuple[str, ...]:
    """Colours as CSS, letting through what lies beneath."""
    ending = "" if opacity == 1 else f"{level_of(opacity):02x}"
    return tuple(colour + ending for colour in colours)


def _still_there(made: Layers, wanted: Collection[str]) -> dict[str, viewer.Layer]:
    """The layers that are wanted and were made before, as far as their files are still there."""
    return {
        name: layer
        for name, layer in made.items()
        if name in wanted and all(map(is_kept, _files(layer)))
    }


def _files(layer: viewer.Layer) -> list[str]:
    values = None if layer.values is None else layer.values.path
    return [file for file in (layer.picture, values) if file is not None]


def _of_picture(comparison: Comparison, name: str) -> viewer.Layer:
    picture = comparison.pictures[name]
    # What is on screen is rounded to 8 bits, and on white where it is transparent.
    is_itself = picture.dtype == torch.uint8 and comparison.alpha is None
    if picture.dtype == torch.uint16:
        picture = values_of(picture).float()  # as the engine takes it: comparable with the others
    return viewer.Layer(
        name,
        shown(layer_picture(comparison, name)),
        values=None if is_itself or picture.nbytes > MOST_NUMBERS else stored_values(picture),
    )


def _of_map(
    comparison: Comparison, name: str, layer: Layer, values: Tensor, opacity: float
) -> viewer.Layer:
    picture = map_shown(comparison, layer, values, opacity)
    legend = legend_of(comparison, layer, opacity)
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


def _not_made(comparison: Comparison, name: str, layer: Layer, opacity: float) -> viewer.Layer:
    return viewer.Layer(name, None, kind="map", legend=legend_of(comparison, layer, opacity))
