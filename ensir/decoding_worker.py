"""Decoding in a process of its own, with little memory and little time, for pictures of strangers.

A flaw in a decoder then costs that process, which holds nothing and may write nothing; the next
picture gets a new one. Bytes of the file go there; back come one line of JSON, which is believed
only where it fits the limits, and the values. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from ensir.decoding import Decoded, Planes, decode
from ensir.errors import InputError
from ensir.limits import (
    DECODE_CPU_SECONDS,
    DECODE_SECONDS,
    LONGEST_SIDE,
    MOST_DECODER_BYTES,
    MOST_PIXELS,
)
from ensir.picture_formats import FORMATS

REQUEST = struct.Struct("<QQ")  # bytes of the file, and the most pixels it may have
HEADER = struct.Struct("<I")  # bytes of the JSON that comes back
MOST_REPLY = 4096  # bytes of that JSON
MOST_SENTENCE = 400  # characters
PIPE_BYTES = 2**20  # what a pipe may hold on Linux without more rights
TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}
BROKEN = "is damaged and cannot be decoded: save it again"
TOO_SLOW = f"is not decoded within {DECODE_SECONDS} seconds: save it again, or make it smaller"
# Of the parent's environment nothing else is needed, and what it holds is nobody's business. The
# limit of OpenCV is its own, read when it is imported.
KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT")
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_IO_MAX_IMAGE_PIXELS": str(MOST_PIXELS)}
# Where modules are found; an empty entry would be the folder that the process begins in.
SEARCHED = [str(Path(__file__).resolve().parents[1]), *filter(None, sys.path)]
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from ensir.decoding_worker import serve; serve()"
)


# What a worker can make of its answer, if it is not what the program above writes.
TOLD_WRONG = (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError)


class _Died(Exception):  # noqa: N818 - it becomes an InputError before anybody sees it
    """The process ended, or said what it never says."""


class DecodingWorker:
    """A process that decodes one picture at a time; it is started, and restarted, when needed."""

    def __init__(self, most_pixels: int = MOST_PIXELS) -> None:
        self._most_pixels = most_pixels
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int | None:
        """That of the process, if there is one."""
        return None if self._process is None else self._process.pid

    def decode(self, data: bytes) -> Decoded:
        """What `decoding.decode` returns and raises, at most `DECODE_SECONDS` after its turn.

        Raises InputError, too, where a process dies of the picture that was started for it: one
        that was there before may have been ended by others.
        """
        with self._lock:
            if self._process is not None:
                with contextlib.suppress(_Died):
                    return self._decoded(self._process, data)
            try:
                return self._decoded(self._started(), data)
            except _Died:
                raise InputError(BROKEN) from None

    def _decoded(self, process: subprocess.Popen[bytes], data: bytes) -> Decoded:
        late = threading.Event()
        timer = threading.Timer(DECODE_SECONDS, _stop, (process, late))
        timer.start()
        try:
            return self._asked(process, data)
        except InputError:
            raise
        except BaseException as error:  # half an answer may be in the pipe
            self._end()
            if not isinstance(error, TOLD_WRONG):
                raise
            raise (InputError(TOO_SLOW) if late.is_set() else _Died()) from None
        finally:
            timer.cancel()
            if late.is_set():
                self._end()

    def close(self) -> None:
        """Ends the process; the next picture starts another."""
        with self._lock:
            self._end()

    def __del__(self) -> None:
        """A worker that nobody asks any more leaves no process behind."""
        # As Python ends, its input is closed, which ends it; modules may be gone by then.
        if sys is not None and not sys.is_finalizing():
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", PROGRAM, json.dumps(SEARCHED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**ENVIRONMENT, **{name: os.environ[name] for name in KEPT if name in os.environ}},
            cwd=os.sep,
        )
        _widen(self._process.stdin)
        _widen(self._process.stdout)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):  # what was not written yet has nowhere to go
                process.__exit__(None, None, None)

    def _asked(self, process: subprocess.Popen[bytes], data: bytes) -> Decoded:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(REQUEST.pack(len(data), self._most_pixels))
        process.stdin.write(data)
        process.stdin.flush()
        (length,) = HEADER.unpack(_read(process.stdout, HEADER.size))
        if length > MOST_REPLY:
            raise ValueError
        reply = json.loads(_read(process.stdout, length))
        if "refused" in reply:
            raise InputError(_text(reply["refused"]))
        height, width = _size(reply["size"], self._most_pixels)
        dtype = TYPES[reply["bits"]]
        kind = {one.name for one in FORMATS} & {_text(reply["kind"])}
        remarks = tuple(map(_text, reply["remarks"]))
        values = _read_planes(process.stdout, (3, height, width), dtype)
        alpha = _read_planes(process.stdout, (height, width), dtype) if reply["alpha"] else None
        return Decoded(values, alpha, kind.pop(), remarks)


def serve() -> None:
    """What the process does: decodes what comes in until nothing more comes."""
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as replies:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # no library reads or prints between our bytes
            os.dup2(nothing, stream)
        while len(request := requests.read(REQUEST.size)) == REQUEST.size:
            length, most_pixels = REQUEST.unpack(request)
            data = requests.read(length)
            _limit()
            try:
                decoded = decode(data, most_pixels)
            except InputError as error:
                _reply(replies, {"refused": str(error)})
                continue
            *_, height, width = decoded.values.shape
            _reply(
                replies,
                {
                    "size": [height, width],
                    "bits": 8 * decoded.values.itemsize,
                    "alpha": decoded.alpha is not None,
                    "kind": decoded.kind,
                    "remarks": decoded.remarks,
                },
                decoded.values,
                *(() if decoded.alpha is None else (decoded.alpha,)),
            )


def _limit() -> None:
    """Holds this process to its memory, to seconds from now on, and to the pipes it has."""
    try:
        import resource
    except ImportError:  # Windows: its parent still ends it after `DECODE_SECONDS`
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + DECODE_CPU_SECONDS + 1
    limits = {
        resource.RLIMIT_AS: MOST_DECODER_BYTES,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        _, hardest = resource.getrlimit(limit)
        if hardest != resource.RLIM_INFINITY:
            most = min(most, hardest)
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit memory
            resource.setrlimit(limit, (most, hardest))


def _reply(replies: IO[bytes], header: dict[str, Any], *planes: Planes) -> None:
    text = json.dumps(header).encode()
    replies.write(HEADER.pack(len(text)) + text)
    for plane in planes:
        replies.write(plane.data)
    replies.flush()


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_planes(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Planes:
    planes: Planes = np.empty(shape, dtype)
    if stream.readinto(planes.data.cast("B")) < planes.nbytes:  # type: ignore[attr-defined]
        raise EOFError
    return planes


def _size(size: object, most_pixels: int) -> tuple[int, int]:
    match size:
        case [int(height), int(width)] if (
            1 <= height <= LONGEST_SIDE
            and 1 <= width <= LONGEST_SIDE
            and height * width <= most_pixels
        ):
            return height, width
    raise ValueError


def _text(text: object) -> str:
    if not isinstance(text, str) or len(text) > MOST_SENTENCE or not text.isprintable():
        raise ValueError
    return text


def _stop(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _widen(pipe: IO[bytes] | None) -> None:
    """Lets a pipe hold more, so that large pictures go through in fewer steps."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        from fcntl import F_SETPIPE_SZ, fcntl

        if pipe is not None:
            fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
