"""Runs a pickle as data: its operations work on a stack of our own, nothing is called or imported.

A pickle is a program for a small stack machine. Here that machine knows some thirty operations, all
of which build plain values; the names of functions and classes that a pickle mentions are texts to
be compared with a list. The list, the operations allowed and the limits are a `Vocabulary`.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ensir.errors import InputError
from ensir.limits import MOST_NAME

# A key is hashed: a long tuple, or one of shared tuples, would cost far more than its bytes.
MOST_KEY_PARTS = 4
# Whole numbers are their own hash, up to 61 bits: from these no file can choose enough keys of one
# hash to make a dict slow. Texts are hashed with a secret.
LARGEST_KEY = 2**48  # old optimizers have the addresses of parameters as keys
LARGEST_KEY_PART = 2**15
DAMAGED = "is damaged or cut off"

Call = Callable[[tuple[object, ...]], object]

# What torch.save writes for dicts, lists and tuples of whole numbers, texts and tensors.
BASIC_OPERATIONS = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BINPERSID",
    "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
    "BININT", "BININT1", "BININT2", "BINUNICODE", "NEWFALSE",
    "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
})  # fmt: skip
# What else stands in a checkpoint: numbers of a training run, and texts as Python 2 wrote them.
MORE_OPERATIONS = frozenset({
    "NONE", "NEWTRUE", "BINFLOAT", "LONG1", "BUILD", "BINSTRING", "SHORT_BINSTRING",
})  # fmt: skip


class UnexpectedCall(Exception):  # noqa: N818 - it becomes an InputError before anybody sees it
    """A name that may be called was called with arguments that torch.save never writes."""


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle mentions, "module name": a text, never looked up."""

    name: str


@dataclass(frozen=True)
class PickleLimits:
    """What one pickle may hold at most."""

    pickle_bytes: int
    operations: int
    text: int  # characters of one text


@dataclass(frozen=True)
class Vocabulary:
    """What a pickle may say, and what it is to hold: "weights", for the sentences.

    `calls` has every name that may stand in it, with what takes the place of calling it: a function
    of ours, or None where it is never called. `persistent` gives the value of a reference to
    something outside the pickle, such as a storage of torch.save. Both see plain values, any of
    which may be wrong, and raise InputError or UnexpectedCall for those.
    """

    operations: frozenset[str]
    calls: Mapping[str, Call | None]
    persistent: Callable[[object], object]
    limits: PickleLimits
    content: str


def read_pickle(data: bytes | memoryview, vocabulary: Vocabulary) -> tuple[object, int]:
    """The value of the pickle that `data` begins with, and how many bytes it takes.

    Values are dicts, lists, tuples, numbers, texts, truth values, None, `Name`, and what the
    vocabulary makes of calls and references. They may hold themselves: do not walk them blindly.
    The time is proportional to the operations, of which there are at most `limits.operations`.

    Raises InputError, without a file's name, for anything else.
    """
    limit = vocabulary.limits.pickle_bytes
    stream = _Stream(data[: limit + 1])
    value = _Machine(vocabulary).run(_operations(stream, limit))
    return value, stream.tell()


def read_whole_pickle(data: bytes | memoryview, vocabulary: Vocabulary) -> object:
    """The value of a pickle that fills `data`; as `read_pickle` in all else."""
    if len(data) > vocabulary.limits.pickle_bytes:
        raise InputError(
            f"has a pickle of {len(data):,} bytes; {vocabulary.limits.pickle_bytes:,} fit"
        )
    value, length = read_pickle(data, vocabulary)
    if length != len(data):
        raise InputError(DAMAGED)
    return value


def add_items(target: object, items: list[object]) -> None:
    """Puts keys and values, in turn, into a dict; keys are whole numbers, texts or a few of them.

    Raises InputError for other keys, and for one that is there already.
    """
    if not isinstance(target, dict) or len(items) % 2:
        raise InputError(DAMAGED)
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not _is_key(key):
            raise InputError("has a key that is not a whole number, a text or up to 4 of them")
        if key in target:
            raise InputError(f"has the key {shown(str(key))} twice")
        target[key] = value


def shown(text: str) -> str:
    """A text of a stranger's file as a sentence may show it: printable, at most 80 characters.

    >>> shown("a\\x1b[31m")
    'a?[31m'
    """
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[:MOST_NAME])
    return printable or "the file"


class _Machine:
    """A stack, a memo and the marked stacks below: what the operations work on."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}

    def run(self, operations: Iterator[tuple[str, object]]) -> object:
        most = self._vocabulary.limits.operations
        for count, (operation, argument) in enumerate(operations):
            if count >= most:
                raise InputError(f"has more than {most:,} operations, the limit here")
            if operation not in self._vocabulary.operations:
                self._refuse_code(f"the operation {operation}")
            try:
                self._do(operation, argument)
            except (IndexError, KeyError):  # too little on the stack, or nothing remembered there
                raise InputError(DAMAGED) from None
            except UnexpectedCall:
                self._refuse_code("an unexpected call")
        if self._below or len(self._stack) != 1:
            raise InputError(DAMAGED)
        return self._stack[0]

    def _do(self, operation: str, argument: object) -> None:
        stack = self._stack
        match operation:
            case "BINPUT" | "LONG_BINPUT":
                self._memo[_whole(argument)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[_whole(argument)])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                stack.append(argument)
            case "BINUNICODE" | "BINSTRING" | "SHORT_BINSTRING":
                most = self._vocabulary.limits.text
                if not isinstance(argument, str) or len(argument) > most:
                    raise InputError(f"has a text of more than {most} characters")
                stack.append(argument)
            case "NONE":
                stack.append(None)
            case "NEWFALSE" | "NEWTRUE":
                stack.append(operation == "NEWTRUE")
            case "MARK":
                self._below.append(stack)
                self._stack = []
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE":
                items = self._marked()
                self._stack.append(tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = self._popped(int(operation[-1]))
                stack.append(tuple(items))
            case "APPEND":
                items = self._popped(1)
                _as_list(stack[-1]).extend(items)
            case "APPENDS":
                items = self._marked()
                _as_list(self._stack[-1]).extend(items)
            case "SETITEM":
                items = self._popped(2)
                add_items(stack[-1], items)
            case "SETITEMS":
                items = self._marked()
                add_items(self._stack[-1], items)
            case "GLOBAL":
                if argument not in self._vocabulary.calls:
                    self._refuse_code(str(argument).replace(" ", "."))
                stack.append(Name(str(argument)))
            case "BINPERSID":
                stack.append(self._vocabulary.persistent(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._called(function, arguments))
            case "BUILD":
                # A state dict carries the versions of its modules as an attribute: not needed.
                state = stack.pop()
                if not isinstance(state, dict) or not isinstance(stack[-1], dict):
                    self._refuse_code("the state of an object")
            case "PROTO":
                if argument != 2:
                    raise InputError(f"is a pickle of version {argument}; torch.save writes 2")
            case "STOP":
                pass

    def _popped(self, count: int) -> list[object]:
        if len(self._stack) < count:
            raise InputError(DAMAGED)
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _marked(self) -> list[object]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _called(self, function: object, arguments: object) -> object:
        """What our stand-in for the name gives; the name itself is never called."""
        call = self._vocabulary.calls[function.name] if isinstance(function, Name) else None
        if call is None or not isinstance(arguments, tuple):
            raise UnexpectedCall
        return call(arguments)

    def _refuse_code(self, what: str) -> None:
        raise InputError(f"holds program code ({shown(what)}), not {self._vocabulary.content}")


class _Stream(io.BytesIO):
    """A pickle whose lines, the names in it, have no escapes: pickletools warns of unknown ones."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if b"\\" in line:
            raise ValueError("torch.save writes no backslash in a line")
        return line


def _operations(stream: io.BytesIO, limit: int) -> Iterator[tuple[str, object]]:
    try:
        for operation, argument, _ in pickletools.genops(stream):  # ends at STOP or raises
            yield operation.name, argument
    except (ValueError, struct.error, IndexError, OverflowError):
        fault = f"has a pickle of more than {limit:,} bytes, the limit here"
        raise InputError(fault if stream.tell() > limit else DAMAGED) from None


def _is_key(key: object) -> bool:
    if type(key) is not tuple:
        return _is_key_part(key, LARGEST_KEY)
    return len(key) <= MOST_KEY_PARTS and all(_is_key_part(part, LARGEST_KEY_PART) for part in key)


def _is_key_part(part: object, largest: int) -> bool:
    return type(part) is str or (type(part) is int and abs(part) < largest)


def _whole(argument: object) -> int:
    if not isinstance(argument, int):
        raise InputError(DAMAGED)
    return argument


def _as_list(target: object) -> list[object]:
    if not isinstance(target, list):
        raise InputError(DAMAGED)
    return target
