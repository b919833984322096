"""The container of torch.save before torch 1.6: pickles one after the other, then raw storages.

Three pickles say what the file is, the fourth is the value, the fifth lists the keys of the
storages; then each storage follows as its number of values, int64, and the values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from ensir.errors import InputError
from ensir.pickle_opcodes import DAMAGED, UnexpectedCall, read_pickle, shown
from ensir.stored_tensors import Storage, vocabulary

# The pickles of torch's magic number 0x1950a86a20f9469cfc6c and of its protocol version 1001.
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
COUNT = struct.Struct("<q")


def read_legacy_archive(data: bytes) -> tuple[object, Callable[[Storage], memoryview]]:
    """The value that the file holds, and a function that gives a storage's bytes in place.

    Raises InputError, without the file's name, for anything but a whole file of this kind.
    """
    if not data.startswith(LEGACY_MAGIC):
        raise InputError("is not a file of torch.save")
    storages: dict[str, Storage] = {}
    words = vocabulary(storages)
    plain = replace(words, calls={}, persistent=_no_reference)
    rest = memoryview(data)[len(LEGACY_MAGIC) :]
    system, length = read_pickle(rest, plain)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InputError("was saved on a big-endian machine, which is not read here")
    rest = rest[length:]
    value, length = read_pickle(rest, words)
    rest = rest[length:]
    keys, length = read_pickle(rest, plain)
    rest = rest[length:]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InputError(DAMAGED)
    if len(keys) != len(storages) or set(keys) != set(storages):
        raise InputError("is damaged: its list of storages is not that of its tensors")
    contents = {}
    for key in keys:
        storage = storages[key]
        if len(rest) < COUNT.size + storage.nbytes:
            raise InputError(DAMAGED)
        if COUNT.unpack_from(rest)[0] != storage.count:
            raise InputError(f"is damaged: its storage {shown(key)} has another size than said")
        contents[key] = rest[COUNT.size : COUNT.size + storage.nbytes]
        rest = rest[COUNT.size + storage.nbytes :]
    if rest:
        raise InputError("is damaged: it has more bytes than its tensors")
    return value, lambda storage: contents[storage.key]


def _no_reference(reference: object) -> object:
    raise UnexpectedCall
