"""Maps to keep: a PNG that carries its legend, and the numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensir.comparison import Comparison
from ensir.images import encode_png
from ensir.maps import MAPS, Layer, map_picture, scale_of, summary
from ensir.maps.scales import Scale

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

NARROWEST = 360  # pixels: a legend under a smaller map needs room
LETTERS_A_LINE = 64  # the text grows with the map
SMALLEST_TEXT, LARGEST_TEXT = 12, 96  # pixels
INK, PAPER = "#202020", "#ffffff"


def array_bytes(values: Tensor) -> bytes:
    """The values of a map as a .npy file for numpy.load, float32."""
    import numpy as np

    file = io.BytesIO()
    np.lib.format.write_array(file, values.numpy(), allow_pickle=False)
    return file.getvalue()


def png_with_legend(comparison: Comparison, layer: Layer, values: Tensor) -> bytes:
    """A map in its colours, unscaled, and below it its legend on white, as a PNG file."""
    picture = map_picture(comparison, layer, values)
    _, height, width = picture.shape
    wide = max(width, NARROWEST)
    legend = legend_picture(comparison, layer, values, wide)
    whole = torch.full((3, height + legend.shape[1], wide), 255, dtype=torch.uint8)
    whole[:, :height, :width] = picture
    whole[:, height:] = legend
    return encode_png(whole)


def legend_picture(comparison: Comparison, layer: Layer, values: Tensor, width: int) -> Tensor:
    """Title, colours with what they stand for, unit and meaning: (3, h, width) uint8."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    size = min(max(round(width / LETTERS_A_LINE * 2), SMALLEST_TEXT), LARGEST_TEXT)
    font = ImageFont.load_default(size)
    # Drawn on paper long enough, and cut where it ends; candidates have names of 80 letters.
    scale = scale_of(comparison, layer)
    lines = 12 + (0 if isinstance(scale, Scale) else 3 * len(scale.names))
    paper = Image.new("RGB", (width, 2 * size * lines), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.font = font
    room = (size // 2, width - size // 2)  # left and right
    y = _text(draw, layer.title, size // 2, room)
    if isinstance(scale, Scale):
        y = _bar(draw, scale, y, room)
    else:
        y = _names(draw, scale.names, scale.colours, y, room)
    said = [MAPS[layer.kind].meaning]
    if short := summary(comparison, layer, values):
        said.append(f"This map: {short}.")
    y = _text(draw, " ".join(said), y, room)
    cut = np.asarray(paper.crop((0, 0, width, y + size // 2)))
    return torch.from_numpy(cut.transpose(2, 0, 1).copy())


def _text(draw: ImageDraw, text: str, y: int, room: tuple[int, int]) -> int:
    """Writes a text on as many lines as it takes; the y of what follows."""
    line_height = round(1.4 * _size(draw))
    for line in _lines(draw, _drawable(text), room[1] - room[0]):
        draw.text((room[0], y), line, fill=INK)
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


def _bar(draw: ImageDraw, scale: Scale, y: int, room: tuple[int, int]) -> int:
    """A colour bar with its ticks and its unit."""
    size = _size(draw)
    left, right = room
    colours = scale.stops(256)
    for x in range(left, right):
        colour = colours[(x - left) * 255 // max(right - left - 1, 1)]
        draw.line((x, y, x, y + size), fill=colour)
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
    return _text(draw, scale.unit, y + round(1.7 * size), room)


def _names(
    draw: ImageDraw, names: Sequence[str], colours: Sequence[str], y: int, room: tuple[int, int]
) -> int:
    """A square of each colour, and the name beside it."""
    size = _size(draw)
    for name, colour in zip(names, colours, strict=True):
        draw.rectangle((room[0], y, room[0] + size, y + size), fill=colour, outline=INK)
        y = _text(draw, name, y, (room[0] + round(1.5 * size), room[1]))
    return y


def _size(draw: ImageDraw) -> int:
    """Pixels from one baseline to the next, without the gap."""
    top, bottom = draw.textbbox((0, 0), "Ag")[1::2]
    return round(bottom - top)


def _drawable(text: str) -> str:
    """Pillow's own font has no minus sign."""
    return text.replace("−", "-")
