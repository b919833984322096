"""Files made to do harm are refused at once, in little memory, by the command line and the app.

In a process of its own: the memory of this one may have been large before.
"""

import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch

from ensir.statistics_files import STATISTICS_FORMAT
from ensir.table_files import TABLE_FORMAT
from ensir.tensor_files import pack
from tests.bad_inputs import cut, good_table, picture, png_claiming, released
from tests.fuzz.cases import assert_sentence

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 1.0  # of the processor
MOST_BYTES = 100 * 2**20
# Reads each file as the command line does, and as the endpoint of the app does, after a first one
# that pays for the imports. What is asked of an endpoint is what its decorator hands on.
PROGRAM = """
import contextlib, io, json, os, resource, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
os.environ["GRADIO_TEMP_DIR"] = sys.argv[1]
import ensir.ui
from gradio import Error
from ensir.__main__ import main
from ensir.decoding_worker import DecodingWorker
from ensir.images import decode_with
from ensir.ui import api
from ensir.ui.fit_events import on_fit
from tests.stopwatch import least_seconds
uploads = Path(os.environ["GRADIO_TEMP_DIR"])

def by_command(path):
    table = path if path.suffix != ".png" else folder / "good.safetensors"
    others = [folder / "A.png", folder / "B.png"]
    pictures = [path if path.suffix == ".png" else folder / "C.png", *others]
    said = io.StringIO()
    names = ["--names", "A", "B", "C"] if table.suffix == ".pth" else []
    fitted = "statistics" in path.name or path.suffix == ".zip"
    ending = "safetensors" if fitted else "png"
    output = ["-o", str(folder / f"new.{ending}")]
    fuse = ["fuse", *map(str, [table, *pictures]), *names]
    candidates = ["--candidates", "A", "B"] if path.suffix == ".zip" else []
    arguments = ["fit", str(path), *candidates] if fitted else fuse
    with contextlib.redirect_stderr(said):
        code = main([*arguments, *output])
    assert code == 2, code
    return said.getvalue().removeprefix("ensir: ").strip()

def by_app(path):
    given = uploads / path.name
    given.write_bytes(path.read_bytes())
    file = {"path": str(given)}
    try:
        if path.suffix == ".png":
            api.fuse([file], ["median", "bilateral"])
        elif path.suffix == ".zip":
            list(on_fit(str(given), ["A", "B"], 32, "em", 1))
        else:
            api.table_info(["A", "B", "C"], table=file)
    except Error as error:
        return error.message
    raise AssertionError("accepted")

def measured(read, path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = []
    seconds = least_seconds(lambda: said.append(read(path)), float(sys.argv[2]), time.process_time)
    return {
        "said": said[-1],
        "seconds": seconds,
        "bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before),
    }

worker = DecodingWorker()
for path in sorted(folder.glob("hostile/*")):
    for read in (by_command, by_app):
        decode_with(worker.decode if read is by_app else None)
        with contextlib.suppress(AssertionError):
            read(folder / "first.png")
            read(folder / "first.safetensors")
            read(folder / "first.pth")
        with contextlib.suppress(AssertionError):
            read(folder / "first.zip")
        print(json.dumps({"file": path.name, "by": read.__name__, **measured(read, path)}))
worker.close()
"""


def archive(kind: int, members: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", kind) as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, compress_type=kind)
    return file.getvalue()


PICTURES = {f"set/{name}/{place}.png": picture() for name in ("A", "B", "gt") for place in "01"}


def declaring(size: int, data: bytes) -> bytes:
    """A zip that declares a size for its members which they do not have."""
    place = data.index(b"PK\x01\x02")
    while place >= 0:  # both sizes of each entry of the directory
        data = data[: place + 20] + size.to_bytes(4, "little") * 2 + data[place + 28 :]
        place = data.find(b"PK\x01\x02", place + 46)
    return data


def declaring_unpacked(size: int, data: bytes) -> bytes:
    """A zip that says its members unpack to so much."""
    place = data.index(b"PK\x01\x02")
    while place >= 0:
        data = data[: place + 24] + size.to_bytes(4, "little") + data[place + 28 :]
        place = data.find(b"PK\x01\x02", place + 46)
    return data


def claiming(format_name: str, tensors: dict[str, list[int]], compressed: bool) -> bytes:
    """A file of ours whose tensors claim shapes that they do not have."""
    header = {"format": format_name, "candidates": ["A", "B", "C"], "bin_width": 1}
    stored = {name: torch.zeros(9, dtype=torch.uint8) for name in tensors}
    if compressed:
        header["compressed"] = {name: ["I64", shape] for name, shape in tensors.items()}
        return pack(stored, header)
    data = pack(stored, header)
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    for name, shape in tensors.items():
        entries[name]["shape"] = shape
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def unpacking_to(size: int) -> bytes:
    """Statistics of few bytes that become as many as `size`, all zero."""
    packed = torch.frombuffer(bytearray(zlib.compress(bytes(size), 9)), dtype=torch.uint8)
    header = {
        "format": STATISTICS_FORMAT,
        "candidates": ["A", "B", "C"],
        "bin_width": 64,
        "compressed": {"sums": ["I64", [size // 8]]},
    }
    return pack({"sums": packed}, header)


NO_TABLE = "is damaged"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "claims.png": (lambda: png_claiming(30_000, 30_000), "is 30000 × 30000 pixels"),
    "cut.png": (lambda: cut(picture("JPEG")), "ends early: the file is cut off"),
    "drawing.png": (
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "is not a PNG, JPEG, WebP, TIFF or BMP image",
    ),
    "script.png": (lambda: b"#!/bin/sh\necho hello\n", "is not a PNG, JPEG, WebP, TIFF or BMP"),
    "elements.safetensors": (
        lambda: claiming(TABLE_FORMAT, {"weights": [3, 10**12, 3]}, compressed=False),
        NO_TABLE,
    ),
    "claims.statistics.safetensors": (
        lambda: claiming(STATISTICS_FORMAT, {"sums": [10**6, 10**6]}, compressed=True),
        NO_TABLE,
    ),
    "floods.statistics.safetensors": (lambda: unpacking_to(2**27), NO_TABLE),
    "sizes.pth": (lambda: declaring(10 * 2**30 % 2**32, released()), "is damaged or cut off"),
    "zeros.pth": (
        lambda: archive(zipfile.ZIP_DEFLATED, {"x/data.pkl": bytes(2**26)}),
        "",
    ),
    # Of 3.8 GB each, more than 10 GB together.
    "sizes.zip": (
        lambda: declaring(int(3.8e9), archive(zipfile.ZIP_DEFLATED, PICTURES)),
        "is damaged",
    ),
    "sizes-packed.zip": (
        lambda: declaring_unpacked(int(3.8e9), archive(zipfile.ZIP_DEFLATED, PICTURES)),
        "of more than 64 MB, the limit here",
    ),
    "zeros.zip": (
        lambda: archive(zipfile.ZIP_DEFLATED, {**PICTURES, "set/A/2.png": bytes(2**20)}),
        "unpacks to more than 100 times its size",
    ),
    "members.zip": (
        lambda: archive(zipfile.ZIP_STORED, {f"A/{place}.png": b"" for place in range(10_000)}),
        "holds 10,000 files, 5,000 are the limit here",
    ),
    "members.pth": (
        lambda: archive(zipfile.ZIP_STORED, {f"x/data/{place}": b"" for place in range(10_000)}),
        "",
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, object]]:
    """What each file came to, by its name and by whom it was read."""
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile").mkdir()
    for name in "ABC":
        (folder / f"{name}.png").write_bytes(picture())
    (folder / "good.safetensors").write_bytes(good_table())
    (folder / "first.png").write_bytes(cut(picture()))
    (folder / "first.safetensors").write_bytes(cut(good_table()))
    (folder / "first.pth").write_bytes(cut(released()))
    (folder / "first.zip").write_bytes(cut(archive(zipfile.ZIP_STORED, PICTURES)))
    for name, (made, _) in HOSTILE.items():
        (folder / "hostile" / name).write_bytes(made())
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(MOST_SECONDS)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert not ran.returncode, ran.stderr
    lines = map(json.loads, ran.stdout.splitlines())
    assert not list(folder.glob("new*"))
    return {(line["file"], line["by"]): line for line in lines}


@pytest.mark.parametrize("by", ["by_command", "by_app"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once(
    results: dict[tuple[str, str], dict[str, object]], name: str, by: str
) -> None:
    result = results[name, by]
    said = str(result["said"])
    assert_sentence(said)
    assert said.startswith(name) and HOSTILE[name][1] in said
    assert result["seconds"] < MOST_SECONDS
    assert result["bytes"] < MOST_BYTES
