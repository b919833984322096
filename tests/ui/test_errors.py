import errno
import inspect
import itertools
import logging
import re
from collections.abc import Iterator
from types import SimpleNamespace

import gradio as gr
import pytest

from ensir.errors import InputError
from ensir.ui.errors import say_input_errors, told

pytestmark = pytest.mark.filterwarnings("default")

SECRET = "/home/ann/secret.png"


@say_input_errors
def refuse() -> None:
    raise InputError("a bin is 1 to 256 levels wide, got 0")


@say_input_errors
def fail() -> None:
    raise RuntimeError(SECRET)


@say_input_errors
def refuse_later() -> Iterator[int]:
    yield 1
    raise InputError("x.png ends early")


@say_input_errors
def fail_later() -> Iterator[int]:
    yield 1
    raise RuntimeError(SECRET)


def assert_says_an_id_only(message: str, log: str) -> None:
    found = re.search(r"\(id ([0-9a-f]{8})\)", message)
    assert found
    assert SECRET not in message
    assert found[1] in log
    assert SECRET in log


def test_an_input_error_is_shown_as_its_sentence() -> None:
    with pytest.raises(gr.Error) as caught:
        refuse()
    assert caught.value.message == "a bin is 1 to 256 levels wide, got 0"
    assert not caught.value.print_exception


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_memory_that_is_full_is_a_sentence_whoever_says_it(error: Exception) -> None:
    @say_input_errors
    def event() -> None:
        raise error

    with pytest.raises(gr.Error, match="there is not enough memory for this just now"):
        event()


def test_another_error_is_shown_as_an_id_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        fail()
    assert_says_an_id_only(caught.value.message, caplog.text)


def test_generators_are_covered_while_they_run(caplog: pytest.LogCaptureFixture) -> None:
    steps = refuse_later()
    assert next(steps) == gr.skip()
    assert next(steps) == 1
    with pytest.raises(gr.Error, match="ends early"):
        next(steps)
    steps = fail_later()
    assert list(itertools.islice(steps, 2)) == [gr.skip(), 1]
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        next(steps)
    assert_says_an_id_only(caught.value.message, caplog.text)


def test_a_generator_yields_before_it_works_so_that_a_stop_finds_it() -> None:
    worked = []

    @say_input_errors
    def event() -> Iterator[int]:
        worked.append(True)
        yield 1

    steps = event()
    assert next(steps) == gr.skip() and not worked
    assert list(steps) == [1]
    assert worked


def test_markup_in_a_sentence_is_text() -> None:
    @say_input_errors
    def event() -> None:
        raise InputError("<b>x</b>.png & it's not there")

    with pytest.raises(gr.Error) as caught:
        event()
    assert caught.value.message == "&lt;b&gt;x&lt;/b&gt;.png &amp; it's not there"


def test_an_error_of_gradio_passes_through() -> None:
    @say_input_errors
    def event() -> None:
        raise gr.Error("its own")

    with pytest.raises(gr.Error, match="its own"):
        event()


def test_a_wrapped_event_returns_what_it_returned() -> None:
    @say_input_errors
    def event(x: int) -> int:
        return x + 1

    assert event(1) == 2


def test_a_wrapped_event_keeps_its_signature() -> None:
    def pick(channel: str, event: gr.SelectData) -> None: ...

    def steps(progress: gr.Progress) -> Iterator[int]:
        yield 1

    for event in (pick, steps):
        wrapped = say_input_errors(event)
        assert inspect.signature(wrapped) == inspect.signature(event)
        assert wrapped.__annotations__ == event.__annotations__
    assert inspect.isgeneratorfunction(say_input_errors(steps))


def test_what_an_event_says_has_just_the_types_it_shall_have() -> None:
    click = SimpleNamespace(x=3, name="A")
    assert told(click, x=int, name=str) == [3, "A"]
    for forged in (SimpleNamespace(), SimpleNamespace(x=True), SimpleNamespace(x=3.0)):
        with pytest.raises(InputError, match="this click has no x as the page says it"):
            told(forged, x=int)
