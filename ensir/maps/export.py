"""Maps to keep: a PNG that carries its legend, and the numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensir.comparison import Comparison
from ensir.images import encode_png
from ensir.maps import MAPS, Layer, map_picture, scale_of, summary
from ensir.maps.blend import blended_bar
from ensir.maps.scales import Scale
from ensir.palettes import levels_of_colours

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

NARROWEST = 360  # pixels: a legend under a smaller map needs room
LETTERS_A_LINE = 64  # the text grows with the map
SMALLEST_TEXT, LARGEST_TEXT = 12, 96  # pixels
INK, PAPER = "#202020", "#ffffff"
OVER_GREY = "Over the fused picture in grey."


def array_bytes(values: Tensor) -> bytes:
    """The values of a map as a .npy file for numpy.load, float32."""
    import numpy as np

    file = io.BytesIO()
    np.lib.format.write_array(file, values.numpy(), allow_pickle=False)
    return file.getvalue()


def png_with_legend(
    comparison: Comparison, layer: Layer, values: Tensor, opacity: float = 1
) -> bytes:
    """A map in its colours, unscaled, and below it its legend on white, as a PNG file.

    Below an `opacity` of 1 the fused picture is seen through it, in grey.
    """
    picture = map_picture(comparison, layer, values, opacity)
    _, height, width = picture.shape
    wide = max(width, NARROWEST)
    legend = legend_picture(comparison, layer, values, wide, opacity)
    whole = torch.full((3, height + legend.shape[1], wide), 255, dtype=torch.uint8)
    whole[:, :height, :width] = picture
    whole[:, height:] = legend
    return encode_png(whole)


def legend_picture(
    comparison: Comparison, layer: Layer, values: Tensor, width: int, opacity: float = 1
) -> Tensor:
    """Title, colours with what they stand for, unit and meaning: (3, h, width) uint8.

    Below an `opacity` of 1 each colour stands over white, black and every grey between.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    size = min(max(round(width / LETTERS_A_LINE * 2), SMALLEST_TEXT), LARGEST_TEXT)
    font = ImageFont.load_default(size)
    # Drawn on paper long enough, and cut where it ends; candidates have names of 80 letters.
    scale = scale_of(comparison, layer)
    lines = 12 + (0 if isinstance(scale, Scale) else 3 * len(scale.names))
    image = Image.new("RGB", (width, 2 * size * lines), PAPER)
    draw = ImageDraw.Draw(image)
    draw.font = font
    paper = Paper(image, draw, size // 2, width - size // 2, opacity)
    y = _text(paper, layer.title, size // 2)
    if isinstance(scale, Scale):
        y = _bar(paper, scale, y)
    else:
        y = _names(paper, scale.names, scale.colours, y)
    said = [MAPS[layer.kind].meaning]
    if opacity != 1:
        said.append(OVER_GREY)
    if short := summary(comparison, layer, values):
        said.append(f"This map: {short}.")
    y = _text(paper, " ".join(said), y)
    cut = np.asarray(image.crop((0, 0, width, y + size // 2)))
    return torch.from_numpy(cut.transpose(2, 0, 1).copy())


@dataclass(frozen=True)
class Paper:
    """What a legend is drawn on, from `left` to `right`."""

    image: Image
    draw: ImageDraw
    left: int
    right: int
    opacity: float  # of colours over what lies beneath

    @property
    def size(self) -> int:
        """Pixels from one baseline to the next, without the gap."""
        top, bottom = self.draw.textbbox((0, 0), "Ag")[1::2]
        return round(bottom - top)

    def paste(self, colours: Tensor, y: int) -> None:
        """Puts colours (n, 3) uint8 side by side from the left, each over every grey."""
        from PIL import Image

        bar = blended_bar(colours.T, self.opacity, self.size)
        picture = Image.fromarray(bar.permute(1, 2, 0).contiguous().numpy())
        self.image.paste(picture, (self.left, y))


def _text(paper: Paper, text: str, y: int, indent: int = 0) -> int:
    """Writes a text on as many lines as it takes; the y of what follows."""
    left = paper.left + indent
    line_height = round(1.4 * paper.size)
    for line in _lines(paper.draw, _drawable(text), paper.right - left):
        paper.draw.text((left, y), line, fill=INK)
        y += line_height
    return y


def _lines(draw: ImageDraw, text: str, width: int) -> list[str]:
    """A text in lines of at most so many pixels, broken at spaces, else anywhere."""
    lines = [""]
    for word in text.split():
        if draw.textlength(f"{lines[-1]} {word}".strip()) <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if draw.textlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _bar(paper: Paper, scale: Scale, y: int) -> int:
    """A colour bar with its ticks and its unit."""
    draw, size, left, right = paper.draw, paper.size, paper.left, paper.right
    steps = torch.arange(right - left) * 255 // max(right - left - 1, 1)
    paper.paste(levels_of_colours(scale.stops(256))[steps], y)
    y += size
    taken: list[tuple[float, float]] = []  # from where to where something is written
    lowest, *between, highest = scale.ticks
    for value, said in (lowest, highest, *between):
        at = left + scale.place(value) * (right - left - 1)
        draw.line((at, y, at, y + size // 3), fill=INK)
        length = draw.textlength(_drawable(said))
        start = min(max(at - length / 2, left), right - length)
        # What would touch its neighbour is left out.
        if all(start > end + size // 2 or start + length + size // 2 < to for to, end in taken):
            draw.text((start, y + size // 3), _drawable(said), fill=INK)
            taken.append((start, start + length))
    return _text(paper, scale.unit, y + round(1.7 * size))


def _names(paper: Paper, names: Sequence[str], colours: Sequence[str], y: int) -> int:
    """A square of each colour, and the name beside it."""
    size = paper.size
    for name, colour in zip(names, levels_of_colours(colours), strict=True):
        paper.paste(colour.expand(size, 3), y)
        paper.draw.rectangle((paper.left, y, paper.left + size, y + size), outline=INK)
        y = _text(paper, name, y, indent=round(1.5 * size))
    return y


def _drawable(text: str) -> str:
    """Pillow's own font has no minus sign."""
    return text.replace("−", "-")
