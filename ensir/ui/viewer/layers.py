"""What the viewer shows: layers of one size, pictures for the eye and numbers for the probe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from secrets import token_hex
from typing import Literal

import torch
from gradio.data_classes import FileData, GradioModel
from torch import Tensor

from ensir.errors import InputError
from ensir.files import digest
from ensir.looks import Look
from ensir.ui.pictures import stored

# How numbers are stored: little-endian planes of channels, row by row, nothing before or between.
NUMBER_TYPES = {torch.uint8: "uint8", torch.float32: "float32"}


@dataclass(frozen=True)
class Values:
    """The numbers of a layer in a file, as `stored_values` wrote them."""

    path: str
    type: str  # one of NUMBER_TYPES
    channels: int


@dataclass(frozen=True)
class Legend:
    """What the colours of a map mean: a scale, or a key with a label for each colour.

    A scale has `places` for its labels, 0 at its start and 1 at its end. The values of a layer with
    a key are the places of its labels. Colours that let something through stand over every grey.
    """

    meaning: str
    colours: tuple[str, ...]  # as CSS
    labels: tuple[str, ...]
    places: tuple[float, ...] = ()
    is_key: bool = False

    def __post_init__(self) -> None:
        if self.is_key and len(self.labels) != len(self.colours):
            raise InputError(
                f"a key has a label for each of its {len(self.colours)} colours, got "
                f"{len(self.labels)}: add or drop some"
            )
        if not self.is_key and len(self.labels) != len(self.places):
            raise InputError(
                f"a scale has a place for each of its {len(self.labels)} labels, got "
                f"{len(self.places)}: add or drop some"
            )


@dataclass(frozen=True)
class Layer:
    """One thing to look at.

    The numbers of a picture are from 0 to 255. One without `values` is its own: the levels of its
    PNG. A map without them has
    colours only, and nothing is read from it. A layer may come without its `picture`: when a
    visitor chooses it, the viewer asks for it.
    """

    name: str
    # Path of a PNG in the folder that Gradio serves: 8 bits, no alpha; None: not made yet.
    picture: str | None
    kind: Literal["picture", "map"] = "picture"
    values: Values | None = None
    legend: Legend | None = None


@dataclass(frozen=True)
class ViewerValue:
    """Layers, and how they are looked at.

    What a visitor has changed stays when a new value comes: zoom and place while `size` is the
    same, panels unless `panels` differ from those of the value before. A `look` goes before that;
    panels whose layers are gone show others. The pin goes to `pinned`, where that is a
    pixel, wherever a visitor has it, but for a value that `keeps_pin`.
    """

    size: tuple[int, int]  # width and height of every layer
    layers: tuple[Layer, ...]
    panels: tuple[str, ...]  # the layer in each panel, by name
    reference: str | None = None  # the layer seen in every panel while a key is held
    truth: str | None = None  # the picture that others are scored against
    pinned: tuple[int, int] | None = None  # x and y
    keeps_pin: bool = False  # `pinned` is for a viewer alone that has no picture of this size yet
    highlight: str | None = None  # path of a mask from `stored_mask`: all else fades
    look: Look | None = None

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise InputError(f"layers are told apart by name, got {', '.join(names)}: rename some")
        chosen = {*self.panels, *filter(None, (self.reference, self.truth))}
        if gone := chosen.difference(names):
            raise InputError(
                f"there is no layer {', '.join(sorted(gone))}: choose of {', '.join(names)}"
            )
        if not self.panels:
            raise InputError("a viewer has one panel or more, got none: name a layer")
        width, height = self.size
        if self.pinned and not (0 <= self.pinned[0] < width and 0 <= self.pinned[1] < height):
            raise InputError(
                f"pixel {self.pinned} is outside of {width}x{height}: pin one that is inside"
            )


def stored_values(values: Tensor) -> Values:
    """Puts numbers (C, H, W), uint8 or float32, where the viewer can read them exactly.

    The same numbers are written once. Raises InputError for another type or shape.
    """
    if values.dtype not in NUMBER_TYPES or values.ndim != 3:
        raise InputError(
            f"values are (C, H, W) uint8 or float32, got {values.dtype} "
            f"{tuple(values.shape)}: convert them"
        )
    numbers = values.cpu().contiguous().numpy()
    data = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()
    path = stored(digest(data), "bin", lambda: data)
    return Values(path, NUMBER_TYPES[values.dtype], len(values))


def stored_mask(mask: Tensor) -> str:
    """Writes a mask, (H, W) bool, as a PNG of one bit and returns its path."""
    import cv2

    if mask.dtype != torch.bool or mask.ndim != 2:
        raise InputError(
            f"a mask is (H, W) bool, got {mask.dtype} {tuple(mask.shape)}: compare something"
        )
    levels = (mask.cpu().to(torch.uint8) * 255).numpy()
    _, encoded = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_BILEVEL, 1])
    data = encoded.tobytes()
    return stored(digest(data), "png", lambda: data)


class ValuesModel(GradioModel):
    file: FileData
    type: str
    channels: int


class LegendModel(GradioModel):
    meaning: str
    colours: tuple[str, ...]
    labels: tuple[str, ...]
    places: tuple[float, ...]
    is_key: bool


class LayerModel(GradioModel):
    name: str
    kind: str
    picture: FileData | None
    values: ValuesModel | None
    legend: LegendModel | None


class PanelModel(GradioModel):
    name: str
    wipe: str | None
    share: float


class LookModel(GradioModel):
    panels: list[PanelModel]
    place: tuple[float, float, float] | None


class ViewerModel(GradioModel):
    """A `ViewerValue` on its way to the browser; Gradio fills in the addresses of the files."""

    size: tuple[int, int]
    layers: list[LayerModel]
    panels: tuple[str, ...]
    reference: str | None
    truth: str | None
    pinned: tuple[int, int] | None
    # Another one each time the pin goes to `pinned`: what Gradio has shown already, it does not
    # show again, though a visitor may have pinned elsewhere since. None: the pin stays.
    move: str | None
    highlight: FileData | None
    look: LookModel | None


def model_of(value: ViewerValue) -> ViewerModel:
    return ViewerModel(
        size=value.size,
        layers=[_layer_model(layer) for layer in value.layers],
        panels=value.panels,
        reference=value.reference,
        truth=value.truth,
        pinned=value.pinned,
        move=None if value.pinned is None or value.keeps_pin else token_hex(8),
        highlight=FileData(path=value.highlight) if value.highlight else None,
        look=None if value.look is None else LookModel(**asdict(value.look)),
    )


def _layer_model(layer: Layer) -> LayerModel:
    values, legend = layer.values, layer.legend
    return LayerModel(
        name=layer.name,
        kind=layer.kind,
        picture=None if layer.picture is None else FileData(path=layer.picture),
        values=None if values is None else _values_model(values),
        legend=None if legend is None else LegendModel(**asdict(legend)),
    )


def _values_model(values: Values) -> ValuesModel:
    file = FileData(path=values.path)
    return ValuesModel(file=file, type=values.type, channels=values.channels)
