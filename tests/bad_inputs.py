"""Bad inputs as data: what is wrong, where it is given, how it is made, and what is said of it.

All are harmless: small pictures of our own, cut, renamed or with one field changed.
"""

from __future__ import annotations

import datetime
import io
import json
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from itertools import product
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ensir.comparison import compare
from ensir.fitting import fit_statistics
from ensir.reference_set import ReferenceStatistics
from ensir.settings import read_settings
from ensir.statistics_files import STATISTICS_FORMAT, statistics_bytes
from ensir.table_files import TABLE_FORMAT, table_bytes
from ensir.tensor_files import pack, unpack
from ensir.workspaces import HEADER, REFERENCE, workspace_bytes
from tests.conftest import make_pictures, make_statistics
from tests.zips import zip_of

HEIGHT, WIDTH = 36, 30
PICTURES = make_pictures(seed=4, members=3, height=HEIGHT, width=WIDTH)
NAMES = ("A", "B", "C")
TABLE_WIDTH, STATISTICS_WIDTH = 64, 8


class Role(Enum):
    """Where an input is given; the value is the command that takes it.

    {here} is the test's folder, and {given} the input: the path of its file, or its values.
    """

    PICTURE = "restore {given} --models median bilateral -o {here}/restored"
    CANDIDATE = "fuse {here}/table.safetensors {here}/A.png {given} {here}/C.png -o {here}/new.png"
    CANDIDATES = "fuse {here}/table.safetensors {given} -o {here}/new.png"
    TRUTH = "score {here}/rain --candidates A B C"  # the file stands in for that in rain/gt
    TABLE = "fuse {given} {here}/A.png {here}/B.png {here}/C.png -o {here}/new.png"
    STATISTICS = "fit {given} -o {here}/new.safetensors"
    BIN_WIDTH = "fit {here}/rain --candidates A B C --bin-width {given} -o {here}/new.safetensors"
    WIDER_BINS = "fit {here}/statistics.safetensors --bin-width {given} -o {here}/new.safetensors"
    METHOD = "fit {here}/rain --candidates A B C --method {given} -o {here}/new.safetensors"
    MODELS = "restore {here}/A.png --models {given} -o {here}/restored"
    NOISE = "the command line adds no noise"
    SOURCE = "the command line names files"
    WORKSPACE = "show {given}"
    SET = "fit {given} --candidates A B -o {here}/new.safetensors"


ANY_PICTURE = (Role.PICTURE, Role.CANDIDATE, Role.TRUTH)


@dataclass(frozen=True)
class BadInput:
    """An input that must be refused in one sentence, and leave everything else as it was."""

    wrong: str  # what is wrong with it, as the test's name
    roles: tuple[Role, ...]  # it is refused alike in each
    made: Callable[[], Any]  # a file's bytes; files by name; the value of a choice, or a path
    sentence: str | None  # regular expression for all of it; None: no command can be given this
    in_app: str | None = None  # where the app says something else
    file: str = "photo.png"
    command: str | None = None  # where that of the role does not fit
    limits: Mapping[str, int] = field(default_factory=dict)  # lowered for a small file


def picture(kind: str = "PNG", image: Tensor = PICTURES[1], **options: object) -> bytes:
    """An image (3, H, W) uint8 as a file of a kind that Pillow writes."""
    return stored(Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()), kind, **options)


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def cut(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file (RFC 2083, 3.2)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    """The 33 bytes of a PNG file's signature and header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)


def bmp_claiming(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def png_with_a_wrong_checksum() -> bytes:
    data = picture()
    place = data.index(b"IDAT") + 20
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def png_with_a_flood_of_text() -> bytes:
    data = picture()
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**26)))  # 64 MB in 64 kB
    return data[:33] + text + data[33:]


def candidates(*files: str, smaller: str = "") -> dict[str, bytes]:
    """Candidates by file name, one of them with fewer rows and columns if asked for."""
    images = dict(zip(files, [*PICTURES[0], *PICTURES[0]], strict=False))
    return {
        name: picture(image=image[:, :20, :25] if name == smaller else image)
        for name, image in images.items()
    }


@cache
def good_statistics(width: int = STATISTICS_WIDTH, members: int = 3) -> ReferenceStatistics:
    return make_statistics((PICTURES[0][:members], PICTURES[1]), width, "rain")


def good_table(members: int = 3) -> bytes:
    return table_bytes(fit_statistics(good_statistics(TABLE_WIDTH, members)).table)


def changed_table(change: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> bytes:
    """A table with other tensors or another header, and a digest that fits them."""
    tensors, header = unpack(good_table(), "table", TABLE_FORMAT)
    change(tensors, header)
    return pack(tensors, header)


def table_of(*names: str) -> bytes:
    return changed_table(lambda tensors, header: header.update(candidates=list(names)))


def table_with_weight(weight: float) -> bytes:
    """A table with `weight` for the first candidate in the bin set from (0, 0, 64), green."""
    return changed_table(lambda tensors, header: tensors["weights"][1, 1].__setitem__(0, weight))


def statistics_with_negative_counts() -> bytes:
    data = statistics_bytes(good_statistics())
    tensors, header = unpack(data, "statistics", STATISTICS_FORMAT)
    return pack(tensors | {"row_count": -tensors["row_count"].long()}, header, compressed=True)


def with_a_changed_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def of_another_program() -> bytes:
    from safetensors.torch import save

    return save({"weight": torch.zeros(3)})


def released(
    change: Callable[[dict[Any, list[Tensor]]], object] = lambda cells: None, members: int = 3
) -> bytes:
    """A released table of bin width 64 in which all weights are alike, changed."""
    edges = product(range(0, 256, TABLE_WIDTH), repeat=members)
    cells = {edge: [torch.full((members,), 1 / members)] * 3 for edge in edges}
    change(cells)
    return saved(cells)


def released_with_weight(weight: float) -> bytes:
    wrong = torch.tensor([weight, 0.25, 0.25])
    return released(lambda cells: cells[64, 0, 0].__setitem__(1, wrong))


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


@cache
def good_workspace() -> dict[str, bytes]:
    """The members of a workspace of A, B and C, with a table and a ground truth."""
    settings = {
        **{"task": "denoising", "strength": 25, "models": ["median"], "eightfold": False},
        **{"weights": "file", "bin_width": TABLE_WIDTH, "method": "em", "trust": 1},
        **{"soft": False, "map_kind": "weight", "map_channel": "all", "map_opacity": 100},
        **{"sort_by": None, "channel": "green", "x": 3, "y": 7},
    }
    pictures, table = (
        dict(zip(NAMES, PICTURES[0], strict=True)),
        fit_statistics(good_statistics(TABLE_WIDTH)).table,
    )
    data = workspace_bytes(
        compare(pictures, truth=PICTURES[1], reference=table), read_settings(settings)
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def workspace(files: Mapping[str, bytes | None] | None = None, **header: object) -> bytes:
    """A workspace with other members, None for one that lacks, and another header."""
    content = {**good_workspace(), **(files or {})}
    kept = {name: data for name, data in content.items() if data is not None}
    said = json.loads(kept[HEADER])
    said["members"] = sorted({*kept} - {HEADER})
    text = json.dumps({**said, **header}, ensure_ascii=False).encode()
    return zip_of({**kept, HEADER: text}, zipfile.ZIP_STORED)


def workspace_set_to(**settings: object) -> bytes:
    said = json.loads(good_workspace()[HEADER])["settings"]
    return workspace(settings={**said, **settings})


def reference_set(
    change: Mapping[str, bytes | None], models: tuple[str, ...] = ("A", "B", "gt")
) -> bytes:
    """A zip of a reference set of two pictures, with other members."""
    files = {f"{model}/{number}.png": picture() for model in models for number in "01"}
    return zip_of({name: data for name, data in {**files, **change}.items() if data is not None})


# The file, and whose it is where it is not called so.
PHOTO = r"photo\.\w+( \((B|gt|ground truth)\))?"
NO_PICTURE = rf"{PHOTO} is not a PNG, JPEG, WebP, TIFF or BMP image: save it as one of these"
ENDS_EARLY = rf"{PHOTO} ends early: the file is cut off: save it again"
NO_LEVELS = (
    rf"{PHOTO} holds floating-point, 32-bit or other values \((F|I)\): "
    "save it with 8 or 16 bits a colour"
)

# Whatever is wrong with a picture is refused alike as input, as candidate and as ground truth.
BAD_PICTURES = (
    BadInput("an empty file", ANY_PICTURE, bytes, NO_PICTURE),
    BadInput("a text", ANY_PICTURE, lambda: b"a letter, not a picture\n", NO_PICTURE),
    BadInput(
        "an SVG drawing",
        ANY_PICTURE,
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        NO_PICTURE,
    ),
    BadInput("a GIF image", ANY_PICTURE, lambda: picture("GIF"), NO_PICTURE),
    BadInput("a PDF document", ANY_PICTURE, lambda: b"%PDF-1.7\n%%EOF\n", NO_PICTURE),
    BadInput("a PostScript drawing", ANY_PICTURE, lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", NO_PICTURE),
    BadInput("a Photoshop file", ANY_PICTURE, lambda: b"8BPS\0\1" + bytes(20), NO_PICTURE),
    BadInput(
        "a phone's HEIC photo", ANY_PICTURE, lambda: b"\0\0\0\x18ftypheic" + bytes(12), NO_PICTURE
    ),
    BadInput("a PNG cut off", ANY_PICTURE, lambda: cut(picture()), ENDS_EARLY),
    BadInput(
        "a PNG that ends after its header", ANY_PICTURE, lambda: png_claiming(9, 9), ENDS_EARLY
    ),
    BadInput(
        "a JPEG cut off", ANY_PICTURE, lambda: cut(picture("JPEG")), ENDS_EARLY, file="photo.jpg"
    ),
    BadInput(
        "a WebP cut off", ANY_PICTURE, lambda: cut(picture("WEBP")), ENDS_EARLY, file="photo.webp"
    ),
    BadInput(
        "a TIFF cut off", ANY_PICTURE, lambda: cut(picture("TIFF")), ENDS_EARLY, file="photo.tif"
    ),
    BadInput(
        "a BMP cut off", ANY_PICTURE, lambda: cut(picture("BMP")), ENDS_EARLY, file="photo.bmp"
    ),
    BadInput(
        "a PNG that claims 900 million pixels",
        ANY_PICTURE,
        lambda: png_claiming(30_000, 30_000),
        rf"{PHOTO} is 30000 × 30000 pixels, more than 40 million, the limit here: make it smaller",
    ),
    BadInput(
        "a BMP that claims 900 million pixels",
        ANY_PICTURE,
        lambda: bmp_claiming(30_000, 30_000),
        rf"{PHOTO} is 30000 × 30000 pixels, more than 40 million, the limit here: make it smaller",
        file="photo.bmp",
    ),
    BadInput(
        "a PNG without a pixel",
        ANY_PICTURE,
        lambda: png_claiming(0, 5) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
        rf"{PHOTO} is damaged and cannot be decoded: save it again",
    ),
    BadInput(
        "a picture one side of which is too long",
        ANY_PICTURE,
        lambda: stored(Image.new("L", (25_000, 1)), "PNG"),
        rf"{PHOTO} is 25000 × 1 pixels; a side may have 20000 pixels here: make it smaller",
    ),
    BadInput(
        "a TIFF of floating-point numbers",
        ANY_PICTURE,
        lambda: stored(Image.new("F", (WIDTH, HEIGHT)), "TIFF"),
        NO_LEVELS,
        file="photo.tif",
    ),
    BadInput(
        "a TIFF of 32-bit whole numbers",
        ANY_PICTURE,
        lambda: stored(Image.new("I", (WIDTH, HEIGHT)), "TIFF"),
        NO_LEVELS,
        file="photo.tif",
    ),
    BadInput(
        "a PNG with a wrong checksum",
        ANY_PICTURE,
        png_with_a_wrong_checksum,
        rf"{PHOTO} is damaged and cannot be decoded: save it again",
    ),
    BadInput(
        "a PNG whose text unpacks to a flood",
        ANY_PICTURE,
        png_with_a_flood_of_text,
        rf"{PHOTO} has damaged or oversized metadata: save it again without",
    ),
    BadInput(
        "a picture file of too many bytes",
        ANY_PICTURE,
        lambda: picture() + bytes(3 * 2**20),
        rf"{PHOTO} has more than 2 MB, the limit here: choose a smaller file",
        limits={"ensir.images.MOST_PICTURE_BYTES": 2 * 2**20},
    ),
    BadInput(
        "a picture that is not there",
        (Role.PICTURE, Role.CANDIDATE),
        lambda: "gone.png",
        r"gone\.png( \(B\))? is not there: check its name and folder",
    ),
    BadInput(
        "a file whose name holds markup",
        (Role.PICTURE, Role.CANDIDATE),
        lambda: b"no picture",
        r"<b>&amp;<b>\.png( \(B\))? is not a PNG, JPEG, WebP, TIFF or BMP image: "
        "save it as one of these",
        file="<b>&amp;<b>.png",
    ),
    BadInput(
        "a file whose name turns its letters round",
        (Role.PICTURE, Role.CANDIDATE),
        lambda: b"no picture",
        r"photognp\.exe( \(B\))? is not a PNG, JPEG, WebP, TIFF or BMP image: "
        "save it as one of these",
        file="photo\u202egnp.exe",
    ),
)

BAD_SETS_OF_PICTURES = (
    BadInput(
        "candidates of different sizes",
        (Role.CANDIDATES,),
        lambda: candidates("A.png", "B.png", "C.png", smaller="B.png"),
        rf".*{WIDTH} × {HEIGHT}.*25 × 20.*: .*one size.*",
    ),
    BadInput(
        "a single candidate",
        (Role.CANDIDATES,),
        lambda: candidates("A.png"),
        r"this table was fitted for A, B, C in this order; got 1 (candidate|picture): give one.*",
        r"two or more candidates are needed to fuse, got 1",
    ),
    BadInput(
        "no candidate",
        (Role.CANDIDATES,),
        dict,
        r"the following arguments are required: CANDIDATE: see ensir fuse --help",
        r"two or more candidates are needed to fuse, got 0",
    ),
    BadInput(
        "two candidates of one name",
        (Role.CANDIDATES,),
        lambda: candidates("A.png", "A.bmp", "B.png"),
        r"a reference set needs candidates whose names differ, got A, A, B: name each once",
        r"two candidates are called A: rename one",
        command="fit {here}/rain --candidates A A B -o {here}/new.safetensors",
    ),
    BadInput(
        "a candidate called like the ground truth or the result",
        (Role.CANDIDATES,),
        lambda: candidates("A.png", "fused.png"),
        r"gt is the ground truth, not a candidate: leave it out",
        r"a candidate cannot be called 'fused' here: rename it",
        command="fit {here}/rain --candidates A gt -o {here}/new.safetensors",
    ),
    BadInput(
        "a candidate called like a map",
        (Role.CANDIDATES,),
        lambda: candidates("A.png", "weight of A.png"),
        None,
        r"a candidate cannot be called 'weight of A' here: rename it",
    ),
    BadInput(
        "a zip of several pictures of each model",
        (Role.CANDIDATES,),
        lambda: {"rain.zip": zip_of({f"{name}/{it}.png": b"" for name in "AB" for it in "01"})},
        None,
        r"rain\.zip has several pictures in A, but one of each model is fused at a time: leave "
        r"one, or fit a table to all of them",
    ),
    BadInput(
        "a zip whose names lead out of it",
        (Role.CANDIDATES,),
        lambda: {"rain.zip": zip_of({"..\\..\\A.png": b"", "B.png": b""})},
        None,
        r"rain\.zip holds a file with an odd name, '[.A-Za-z\\]+': use letters, digits and "
        r"folders only, and make the zip again",
    ),
    BadInput(
        "a zip cut off",
        (Role.CANDIDATES,),
        lambda: {"rain.zip": cut(zip_of({"A.png": picture(), "B.png": picture()}))},
        None,
        r"rain\.zip ends early: the file is cut off: make the zip again",
    ),
    BadInput(
        "a ground truth of another size",
        (Role.TRUTH,),
        lambda: picture(image=PICTURES[1][:, :20, :25]),
        rf".*(25 × 20.*{WIDTH} × {HEIGHT}|{WIDTH} × {HEIGHT}.*25 × 20).*: .*one size.*",
    ),
    BadInput(
        "no ground truth",
        (Role.TRUTH,),
        lambda: None,
        r"A has no folder gt \(there are none\): add it or choose another",
        r"no ground truth yet: add one, or take the weights from elsewhere",
        command="score {here}/rain/A --candidates B",
    ),
)

FOREIGN = (
    r"given\.\w+ is neither a lookup table nor statistics of this program: choose another file"
)
REMADE = "make it or fetch it again"
NO_WEIGHTS = rf"given\.safetensors is damaged: its weights are not those of a table; {REMADE}"
# A released table does not say its candidates.
NAMED = Role.TABLE.value + " --names A B C"
EITHER = (Role.TABLE, Role.STATISTICS)

BAD_TABLES = (
    BadInput(
        "a table that is not there",
        EITHER,
        lambda: "gone.safetensors",
        r"gone\.safetensors is not there: check its name and folder",
    ),
    BadInput("an empty table", EITHER, bytes, FOREIGN, file="given.safetensors"),
    BadInput(
        "a text called a table",
        EITHER,
        lambda: b"weights: 1/3\n",
        FOREIGN,
        file="given.safetensors",
    ),
    BadInput("a picture called a table", EITHER, picture, FOREIGN, file="given.safetensors"),
    BadInput(
        "tensors of another program", EITHER, of_another_program, FOREIGN, file="given.safetensors"
    ),
    BadInput(
        "a header longer than the file",
        EITHER,
        lambda: struct.pack("<Q", 2**40) + good_table()[8:],
        FOREIGN,
        file="given.safetensors",
    ),
    BadInput(
        "a table file of too many bytes",
        EITHER,
        lambda: good_table() + bytes(3 * 2**20),
        r"given\.safetensors has more than 2 MB, the limit here: choose a smaller file",
        file="given.safetensors",
        limits={"ensir.tensor_files.MOST_TABLE_BYTES": 2 * 2**20},
    ),
    BadInput(
        "a released table of too many bytes",
        (Role.TABLE,),
        lambda: released() + bytes(3 * 2**20),
        r"given\.pth has more than 2 MB, the limit here.*",
        file="given.pth",
        limits={"ensir.torch_archive.MOST_PUBLISHED_BYTES": 2 * 2**20},
    ),
    BadInput(
        "a pickle of a date",
        (Role.TABLE,),
        lambda: pickle.dumps(datetime.date(2024, 2, 29)),
        FOREIGN,
        file="given.pth",
    ),
    BadInput(
        "a date saved by torch",
        (Role.TABLE,),
        lambda: saved(datetime.date(2024, 2, 29)),
        r"given\.pth holds program code \(datetime\.date\), not a lookup table",
        file="given.pth",
    ),
    BadInput(
        "another archive",
        (Role.TABLE,),
        lambda: zipped("letter.txt", b"hello"),
        r"given\.pth is not a lookup table: a zip, but not one of torch\.save",
        file="given.pth",
    ),
    BadInput(
        "a released table cut off",
        (Role.TABLE,),
        lambda: cut(released()),
        r"given\.pth is damaged or cut off",
        file="given.pth",
    ),
    BadInput(
        "a released table with a hole",
        (Role.TABLE,),
        lambda: released(lambda cells: cells.pop((0, 64, 128))),
        r"given\.pth has no weights for the bin set from \(0, 64, 128\) at bin width 64",
        file="given.pth",
    ),
    BadInput(
        "a released table with a weight that is no number",
        (Role.TABLE,),
        lambda: released_with_weight(math.nan),
        r"given\.pth has the weight nan in channel G of the bin set from \(64, 0, 0\): "
        "weights are numbers from 0 to 1",
        file="given.pth",
        command=NAMED,
    ),
    BadInput(
        "a released table whose weights do not add up to 1",
        (Role.TABLE,),
        lambda: released_with_weight(0.51),
        r"given\.pth has weights that add up to 1\.01, not to 1, in channel G of the bin set from "
        r"\(64, 0, 0\)",
        file="given.pth",
        command=NAMED,
    ),
    BadInput(
        "a released table for other models, as its name says",
        (Role.TABLE,),
        released,
        r"weight_rain_X_Y_Z_b64_rgb\.pth does not say its candidates: name 3 in order "
        r"\(the file name suggests X, Y, Z\)",
        r"weight_rain_X_Y_Z_b64_rgb\.pth is for X, Y, Z, as its name says; got A, B, C: "
        "name each candidate after its model",
        file="weight_rain_X_Y_Z_b64_rgb.pth",
    ),
    BadInput(
        "a released table for two models, not three",
        (Role.TABLE,),
        lambda: released(members=2),
        r"given\.pth is for 2 candidates; 3 are named",
        file="given.pth",
        command=NAMED,
    ),
    BadInput(
        "a table cut off",
        (Role.TABLE,),
        lambda: good_table()[:-40],
        rf"given\.safetensors is damaged: its header does not describe its content; {REMADE}",
        file="given.safetensors",
    ),
    BadInput(
        "a table one bit of which changed",
        (Role.TABLE,),
        lambda: with_a_changed_byte(good_table()),
        rf"given\.safetensors is damaged: its checksum differs; {REMADE}",
        file="given.safetensors",
    ),
    BadInput(
        "a table with a weight that is no number",
        (Role.TABLE,),
        lambda: table_with_weight(math.nan),
        NO_WEIGHTS,
        file="given.safetensors",
    ),
    BadInput(
        "a table whose weights do not add up to 1",
        (Role.TABLE,),
        lambda: table_with_weight(0.9),
        NO_WEIGHTS,
        file="given.safetensors",
    ),
    BadInput(
        "a table for other models",
        (Role.TABLE,),
        lambda: table_of("X", "Y", "Z"),
        r"given\.safetensors was fitted for X, Y, Z in this order; got A, B, C: give the same "
        "names in the same order",
        r"this table was fitted for X, Y, Z in this order; got A, B, C: give the same candidates "
        "in the same order",
        file="given.safetensors",
        command=NAMED,
    ),
    BadInput(
        "a table for two models, not three",
        (Role.TABLE,),
        lambda: good_table(members=2),
        r"this table was fitted for A, B in this order; got 3 (candidate|picture)s: give one.*",
        r"this table was fitted for A, B in this order; got A, B, C: give the same candidates in "
        "the same order",
        file="given.safetensors",
    ),
    BadInput(
        "statistics cut off",
        (Role.STATISTICS,),
        lambda: cut(statistics_bytes(good_statistics())),
        rf"given\.safetensors is damaged: its header does not describe its content; {REMADE}",
        file="given.safetensors",
    ),
    BadInput(
        "statistics one bit of which changed",
        (Role.STATISTICS,),
        lambda: with_a_changed_byte(statistics_bytes(good_statistics())),
        rf"given\.safetensors is damaged: its checksum differs; {REMADE}",
        file="given.safetensors",
    ),
    BadInput(
        "statistics with negative counts",
        (Role.STATISTICS,),
        statistics_with_negative_counts,
        rf"given\.safetensors is damaged: its histograms are not those of any pixels; {REMADE}",
        file="given.safetensors",
    ),
    BadInput(
        "statistics of other models",
        (Role.STATISTICS,),
        lambda: statistics_bytes(good_statistics(STATISTICS_WIDTH, members=2)),
        r"the statistics know A, B; got A, B, C: choose among them, each once",
        file="given.safetensors",
        command=Role.STATISTICS.value + " --candidates A B C",
    ),
)


def bad_width(value: object, in_parser: bool = False) -> tuple[BadInput, BadInput]:
    """A bin width that neither a fit nor statistics of width 8 can take."""
    unparsed = rf"argument --bin-width: a whole number or auto, got '{value}': see ensir fit --help"
    refused = rf"a bin is 1 to 256 levels wide, got {value!r}"
    joined = rf"bins of width 8 join to multiples of 8 only, got {value!r}"
    name = f"a bin width of {value}"
    return (
        BadInput(
            name, (Role.BIN_WIDTH,), lambda: value, unparsed if in_parser else refused, refused
        ),
        BadInput(
            name, (Role.WIDER_BINS,), lambda: value, unparsed if in_parser else joined, joined
        ),
    )


BAD_CHOICES = (
    *bad_width(0),
    *bad_width(-8),
    *bad_width(257),
    *bad_width("three", in_parser=True),
    *bad_width(math.nan, in_parser=True),
    *bad_width(32.0, in_parser=True),
    *bad_width(True, in_parser=True),
    bad_width(None, in_parser=True)[0],  # statistics have a width of their own
    BadInput(
        "a bin width of very many letters",
        (Role.BIN_WIDTH,),
        lambda: "x" * 5000,
        None,
        r"a bin is 1 to 256 levels wide, got .{1,80}",
    ),
    BadInput(
        "a bin width of 12 for statistics of width 8",
        (Role.WIDER_BINS,),
        lambda: 12,
        r"bins of width 8 join to multiples of 8 only, got 12",
    ),
    BadInput(
        "a bin width of 264 for statistics of width 8",
        (Role.WIDER_BINS,),
        lambda: 264,
        r"a bin is 1 to 256 levels wide, got 264",
    ),
    BadInput(
        "an unknown method",
        (Role.METHOD,),
        lambda: "magic",
        r"a method is em, published or least-squares, got 'magic'",
    ),
    BadInput(
        "no method",
        (Role.METHOD,),
        lambda: None,
        r"a method is em, published or least-squares, got '?None'?",  # a word on the command line
    ),
    BadInput(
        "a list of methods",
        (Role.METHOD,),
        lambda: ["em"],
        None,
        r"a method is em, published or least-squares, got \['em'\]",
    ),
    BadInput(
        "an unknown base model",
        (Role.MODELS,),
        lambda: ["median", "magic"],
        r"no restorer 'magic': there are [\w -]+(, [\w -]+)* and \d+ more",
    ),
    BadInput(
        "a single base model",
        (Role.MODELS,),
        lambda: ["median"],
        None,
        r"two or more candidates are needed to fuse, got 1",
    ),
    BadInput(
        "one base model twice",
        (Role.MODELS,),
        lambda: ["median", "median"],
        r"median is named twice: name each restorer once",
    ),
    BadInput(
        "no base model",
        (Role.MODELS,),
        list,
        r"argument --models: expected at least one argument: see ensir restore --help",
        r"two or more candidates are needed to fuse, got 0",
    ),
    BadInput(
        "base models that are no list",
        (Role.MODELS,),
        lambda: None,
        None,
        r"two or more candidates are needed to fuse, got 0",
    ),
    BadInput(
        "noise that is no number",
        (Role.NOISE,),
        lambda: math.nan,
        None,
        r"the noise is 0 to 100 levels strong, got nan",
    ),
    BadInput(
        "noise as a word",
        (Role.NOISE,),
        lambda: "much",
        None,
        r"the noise is 0 to 100 levels strong, got 'much'",
    ),
    BadInput(
        "weights from elsewhere",
        (Role.SOURCE,),
        lambda: "elsewhere",
        None,
        r"weights come from one of .*; got 'elsewhere'",
    ),
)

NO_WORKSPACE = r"work\.zip is not a workspace of this program: choose another file"
LACKS = rf"work\.zip is damaged: a picture lacks, or there is one too many; {REMADE}"
NO_NAMES = rf"work\.zip is damaged: its header does not name the candidates; {REMADE}"
NO_SENTENCES = rf"work\.zip is damaged: its notes or warnings are not sentences; {REMADE}"
UNREADABLE = rf"work\.zip is damaged: its header cannot be read; {REMADE}"
ODD_NAME = (
    r"{}\.zip holds a file with an odd name, '[^/]+': use letters, digits and folders only, and "
    r"make the zip again"
)


def bad_workspace(
    wrong: str, made: Callable[[], bytes], sentence: str, in_app: str | None = None
) -> BadInput:
    return BadInput(
        f"a workspace {wrong}", (Role.WORKSPACE,), made, sentence, in_app, file="work.zip"
    )


BAD_WORKSPACES = (
    bad_workspace(
        "of another program",
        lambda: workspace(format="zip of mine"),
        NO_WORKSPACE,
    ),
    bad_workspace(
        "of a later version",
        lambda: workspace(format="ensir workspace 2"),
        r"work\.zip holds 'ensir workspace 2', wanted 'ensir workspace 1': open it with the "
        "version of this program that saved it, or a later one",
    ),
    bad_workspace(
        "cut off",
        lambda: cut(workspace()),
        r"work\.zip ends early: the file is cut off: make the zip again",
    ),
    bad_workspace("without a picture", lambda: workspace({"candidate_2.png": None}), LACKS),
    bad_workspace("with a text", lambda: workspace({"notes.txt": b"hello"}), LACKS),
    bad_workspace(
        "whose names lead out of it",
        lambda: workspace({"..\\..\\truth.png": picture()}),
        ODD_NAME.format("work"),
    ),
    bad_workspace(
        "of two candidates of one name", lambda: workspace(candidates=["A", "A", "B"]), NO_NAMES
    ),
    bad_workspace(
        "whose candidate turns letters round",
        lambda: workspace(candidates=["A", "B\u202e", "C"]),
        NO_NAMES,
    ),
    bad_workspace(
        "whose candidate is called like the result",
        lambda: workspace(candidates=["A", "fused", "C"]),
        r"a candidate cannot be called 'fused' here: rename it",
    ),
    bad_workspace("with a note of two lines", lambda: workspace(notes=["a\nb"]), NO_SENTENCES),
    bad_workspace("trusted by no number", lambda: workspace_set_to(trust=math.nan), UNREADABLE),
    bad_workspace(
        "with a negative strength",
        lambda: workspace_set_to(strength=-1),
        r"a strength is a number from 0 to 50, got -1",
    ),
    bad_workspace(
        "with a bin width that is a switch",
        lambda: workspace_set_to(bin_width=True),
        r"a bin width is a whole number of levels, got True",
    ),
    bad_workspace(
        "with a setting more",
        lambda: workspace_set_to(admin=True),
        r"settings have the names task, .*: save them again",
    ),
    bad_workspace(
        "of pictures of different sizes",
        lambda: workspace({"truth.png": picture(image=PICTURES[1][:, :20, :25])}),
        rf"the pictures have different sizes \(A is {WIDTH} × {HEIGHT}, .*ground truth is 25 × 20"
        r".*\): give pictures of one size",
    ),
    bad_workspace(
        "with a table of other models",
        lambda: workspace({REFERENCE: table_of("X", "Y", "Z")}),
        r"this table was fitted for X, Y, Z in this order; got A, B, C: give the same candidates "
        "in the same order",
    ),
    bad_workspace(
        "with a table of two models",
        lambda: workspace({REFERENCE: good_table(members=2)}),
        r"this table was fitted for A, B in this order; got A, B, C: give the same candidates in "
        "the same order",
    ),
)

BAD_REFERENCE_SETS = (
    BadInput(
        "a reference set whose names lead out of it",
        (Role.SET,),
        lambda: reference_set({"..\\A\\2.png": picture()}),
        ODD_NAME.format("set"),
        file="set.zip",
    ),
    BadInput(
        "a reference set cut off",
        (Role.SET,),
        lambda: cut(reference_set({})),
        r"set\.zip ends early: the file is cut off: make the zip again",
        file="set.zip",
    ),
    BadInput(
        "a reference set without ground truth",
        (Role.SET,),
        lambda: reference_set({}, models=("A", "B")),
        r"set\.zip has no folder gt \(there are A, B\): add it or choose another",
        r"set\.zip has no folder gt with the ground truth \(there are A, B\): add it",
        file="set.zip",
    ),
    BadInput(
        "a reference set that lacks a picture",
        (Role.SET,),
        lambda: reference_set({"B/1.png": None}),
        r"B lacks 1 \(1 of 2\): B and gt need the same pictures",
        r"set\.zip has too few models to fuse: B lacks 1 \(1 of 2\): B and gt need the same",
        file="set.zip",
    ),
    BadInput(
        "a reference set of zeros",
        (Role.SET,),
        lambda: reference_set({"A/2.png": bytes(2**20)}),
        r"set\.zip holds 2\.png, which unpacks to more than 100 times its size: leave it out, or "
        "save it as PNG",
        file="set.zip",
    ),
    BadInput(
        "a reference set of pictures of different sizes",
        (Role.SET,),
        lambda: reference_set({"B/1.png": picture(image=PICTURES[1][:, :20, :25])}),
        rf"1: the ground truth is {WIDTH} × {HEIGHT}, but B is 25 × 20: bring all pictures of one "
        "name to one size",
        rf"set\.zip has too few models to fuse: 1 is 25 × 20 in B and {WIDTH} × {HEIGHT} in gt: "
        "one size is needed",
        file="set.zip",
    ),
)

BAD_INPUTS = (
    *(*BAD_PICTURES, *BAD_SETS_OF_PICTURES, *BAD_TABLES, *BAD_CHOICES),
    *(*BAD_WORKSPACES, *BAD_REFERENCE_SETS),
)
