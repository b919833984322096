"""The stack machine against Python's own pickles of plain values, and programs built to hurt."""

import datetime
import pickle
import random
import struct
import time
from pathlib import Path

import pytest

from ensir.errors import InputError
from ensir.pickle_opcodes import (
    BASIC_OPERATIONS,
    DAMAGED,
    MORE_OPERATIONS,
    Name,
    PickleLimits,
    UnexpectedCall,
    Vocabulary,
    read_pickle,
    read_whole_pickle,
    shown,
)

LIMITS = PickleLimits(pickle_bytes=100_000, operations=50_000, text=100)


def called(arguments: tuple[object, ...]) -> object:
    if arguments:
        raise UnexpectedCall
    return {}


WORDS = Vocabulary(
    BASIC_OPERATIONS | MORE_OPERATIONS,
    {"collections OrderedDict": called, "torch FloatStorage": None},
    lambda reference: ("reference", reference),
    LIMITS,
    "weights",
)
BASIC = Vocabulary(BASIC_OPERATIONS, WORDS.calls, WORDS.persistent, LIMITS, "a lookup table")
VALUES = [
    {"epoch": 3, "loss": 0.25, "best": None, "done": True, "more": False},
    {"nested": {"list": [1, [2, (3,)], ()], "pair": (1, 2), "long": (1, 2, 3, 4)}},
    [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**100, -(2**100)],
    {0: "zero", (0, 1): "pair", "Größe ∞": "text", 2**47: "address"},
    [],
    {},
    list(range(2000)),
    {str(number): number for number in range(2000)},
]


def refusal(code: bytes, words: Vocabulary = WORDS) -> str:
    """What the whole pickle is refused with: one line, in good time."""
    start = time.thread_time()
    with pytest.raises(InputError) as caught:
        read_whole_pickle(code, words)
    assert time.thread_time() - start < 5  # the longest takes 0.2 s here; some would never end
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 300
    return sentence


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_plain_value_comes_out_as_it_went_in(value: object) -> None:
    found = read_whole_pickle(pickle.dumps(value, 2), WORDS)
    assert found == value
    # 1 == 1.0 == True: the types count too.
    assert repr(found) == repr(value)


def test_what_is_shared_is_shared_again_and_a_list_may_hold_itself() -> None:
    inner = [1]
    found = read_whole_pickle(pickle.dumps([inner, inner], 2), WORDS)
    assert isinstance(found, list) and found[0] is found[1]
    own = read_whole_pickle(b"\x80\x02]q\x00h\x00a.", WORDS)
    assert isinstance(own, list) and own[0] is own


def test_texts_of_python_2_are_texts() -> None:
    assert read_whole_pickle(b"\x80\x02U\x02ab.", WORDS) == "ab"
    assert read_whole_pickle(b"\x80\x02T\x02\x00\x00\x00ab.", WORDS) == "ab"


def test_a_pickle_is_read_up_to_its_end_and_no_further() -> None:
    code = pickle.dumps([1, 2], 2)
    for rest in (b"", b"\x00", b"more" * 1000):
        assert read_pickle(code + rest, WORDS) == ([1, 2], len(code))
        assert read_pickle(memoryview(code + rest), WORDS) == ([1, 2], len(code))
    assert refusal(code + b".") == DAMAGED


def test_a_name_is_a_text_and_calling_it_is_ours() -> None:
    assert read_whole_pickle(b"\x80\x02ctorch\nFloatStorage\n.", WORDS) == Name(
        "torch FloatStorage"
    )
    assert read_whole_pickle(b"\x80\x02ccollections\nOrderedDict\n)R.", WORDS) == {}
    assert read_whole_pickle(b"\x80\x02K\x07Q.", WORDS) == ("reference", 7)


def test_the_state_of_a_dict_is_dropped() -> None:
    code = b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aK\x01sb."
    assert read_whole_pickle(code, WORDS) == {}
    for target in (b"K\x01}b.", b"}K\x01b.", b"ctorch\nFloatStorage\n}b."):
        assert "program code (the state of an object)" in refusal(b"\x80\x02" + target)


@pytest.mark.parametrize("value", [datetime.date(2024, 5, 1), Path("a"), print, {0: object()}])
@pytest.mark.parametrize("protocol", [0, 2])
def test_program_code_is_refused_and_named(value: object, protocol: int) -> None:
    sentence = refusal(pickle.dumps(value, protocol))
    assert sentence.startswith("holds program code (") and sentence.endswith("), not weights")


def test_the_refused_name_is_shown_without_control_characters() -> None:
    assert "(datetime.date)" in refusal(pickle.dumps(datetime.date(2024, 5, 1), 2))
    assert refusal(b"\x80\x02ca\x1b[31m\nb\x07c\n.").startswith("holds program code (a?[31m.b?c)")
    assert shown("a" * 200) == "a" * 80


@pytest.mark.parametrize(
    "value", [1.5, None, True, 2**40, pytest.param("b", id="Python 2")], ids=repr
)
def test_a_table_may_say_less_than_a_checkpoint(value: object) -> None:
    code = b"\x80\x02U\x01b." if value == "b" else pickle.dumps(value, 2)
    assert read_whole_pickle(code, WORDS) == value
    assert "program code (the operation " in refusal(code, BASIC)


ALIKE = 2**61 - 1  # whole numbers are hashed modulo this: its multiples all meet in one place


def long_key(number: int) -> bytes:
    return b"\x8a\x0c" + number.to_bytes(12, "little") + b"N"


NESTED = b"(" + b"K\x00K\x00tq\x00" + b"h\x00h\x00\x86q\x00" * 200
HOSTILE = {
    "shared tuples, exponential to hash": (NESTED + b"}h\x00K\x01s.", "key"),
    "a long tuple as a key": (b"}(" + b"K\x00" * 9999 + b"tK\x01s.", "key"),
    "keys of one hash": (
        b"}(" + b"".join(long_key(ALIKE * count) for count in range(1, 6000)) + b"u.",
        "key",
    ),
    "keys of numbers too large for a tuple": (b"}M\xff\xffM\xff\xff\x86K\x01s.", "key"),
    "a list as a key": (b"}]K\x01s.", "key"),
    "a number with a point as a key": (b"}G" + struct.pack(">d", 0.5) + b"Ns.", "key"),
    "a key twice": (b"}(K\x01K\x01K\x01K\x01u.", "has the key 1 twice"),
    "too many operations": (b"(" * 60_000, "more than 50,000 operations"),
    "too many bytes": (b"0" * 200_000, "200,002 bytes; 100,000 fit"),
    "tuples too deep to walk": (b")" + b"\x85" * 49_000 + b"Q", DAMAGED),
    "a long text": (b"X\x65\x00\x00\x00" + b"a" * 101 + b".", "more than 100 characters"),
    "a text that claims 4 GB": (b"X\xff\xff\xff\xff.", DAMAGED),
    "a text that is no UTF-8": (b"X\x01\x00\x00\x00\xff.", DAMAGED),
    "a whole number of many digits": (b"I" + b"9" * 90_000 + b"\n.", DAMAGED),
    "a whole number of many bytes": (b"\x8b\x00\x40\x00\x00" + b"\x7f" * 0x4000 + b".", "LONG4"),
    "a whole number that claims 2 GB": (b"\x8b\xff\xff\xff\x7f.", DAMAGED),
    "nothing": (b"", DAMAGED),
    "only an end": (b".", DAMAGED),
    "two values": (b"}}.", DAMAGED),
    "nothing remembered there": (b"h\x07.", DAMAGED),
    "nothing to remember": (b"q\x07.", DAMAGED),
    "nothing marked": (b"t.", DAMAGED),
    "a mark left": (b"}(}.", DAMAGED),
    "an odd number of items": (b"}(K\x01u.", DAMAGED),
    "items for a list": (b"]K\x01K\x01s.", DAMAGED),
    "an append to a tuple": (b")K\x01a.", DAMAGED),
    "a state for nothing": (b"}b.", DAMAGED),
    "a call of a number": (b"K\x01)R.", "an unexpected call"),
    "a call of a storage": (b"ctorch\nFloatStorage\n)R.", "an unexpected call"),
    "a call with a list": (b"ccollections\nOrderedDict\n]R.", "an unexpected call"),
    "a call with more": (b"ccollections\nOrderedDict\nK\x01\x85R.", "an unexpected call"),
    "another version": (b"\x80\x04}.", "version 4"),
    "a name with an escape": (b"c\\l\nx\n.", DAMAGED),
    "a name from the stack": (b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.", "STACK_GLOBAL"),
    "an object": (b"(cos\nsystem\no.", "os.system"),
    "an instance": (b"(ios\nsystem\n.", "the operation INST"),
    "a registered extension": (b"\x82\x01.", "the operation EXT1"),
    "an operation that there is not": (b"\xff.", DAMAGED),
}


@pytest.mark.parametrize("code, sentence", HOSTILE.values(), ids=HOSTILE)
def test_a_pickle_built_to_hurt_is_refused_quickly(code: bytes, sentence: str) -> None:
    assert sentence in refusal(b"\x80\x02" + code)


def test_a_stream_that_never_ends_is_refused_for_its_length() -> None:
    words = Vocabulary(
        WORDS.operations, WORDS.calls, WORDS.persistent, PickleLimits(1000, 50_000, 100), "weights"
    )
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        read_pickle(b"\x80\x02" + b"}" * 5000, words)


def test_a_pickle_with_bytes_changed_or_cut_off_is_read_or_refused() -> None:
    drawn = random.Random(3)
    for _ in range(3000):
        code = bytearray(pickle.dumps(drawn.choice(VALUES[:4]), 2))
        for _ in range(drawn.randint(1, 4)):
            code[drawn.randrange(len(code))] = drawn.randrange(256)
        del code[drawn.randint(0, 4 * len(code)) :]
        try:
            read_whole_pickle(bytes(code), WORDS)
        except InputError as error:
            assert "\n" not in str(error)
