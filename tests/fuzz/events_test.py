"""Whatever is sent to an event of the page, around its limits: an answer or one sentence."""

import asyncio
import importlib.util
import inspect
import math
from collections.abc import Iterator
from typing import Any

import pytest

if importlib.util.find_spec("gradio") is None:
    pytest.skip("the app needs Gradio, which is not installed", allow_module_level=True)

from ensir.ui import build_app  # isort: skip - ensir.ui comes before Gradio
import gradio as gr
from gradio.state_holder import SessionState

from tests.fuzz.cases import assert_sentence

pytestmark = pytest.mark.filterwarnings("default")

PAYLOADS = (
    *(None, math.nan, -1, 10**30, True, []),
    *("x" * 5000, "\x1b[2J<b>", "http://127.0.0.1/x.png"),
    *({"path": "/etc/passwd"}, ["a"] * 1000, [[[]]]),
)


@pytest.fixture(scope="module")
def app() -> Iterator[gr.Blocks]:
    yield build_app()
    gr.close_all(verbose=False)


def events(app: gr.Blocks) -> list[Any]:
    """Each event once, whatever it is bound to; not those of a click, which take its data, too."""
    named = {
        (event.name, tuple(one.get_block_name() for one in event.inputs)): event
        for event in app.fns.values()
        if event.fn is not None
        and event.inputs
        and not any("Data" in str(one) for one in inspect.signature(event.fn).parameters.values())
    }
    return list(named.values())


def sent(event: Any, payload: object, place: int) -> list[object]:  # noqa: ANN401
    """What the fields hold at first, and a payload in one of them; states cannot be sent."""
    values = [
        None if field.get_block_name() == "state" else getattr(field, "value", None)
        for field in event.inputs
    ]
    values[place] = payload
    return values


def test_ten_payloads_to_each_event_are_answered_or_refused_in_one_sentence(
    app: gr.Blocks,
) -> None:
    faults, refused = [], 0

    async def ask(event: Any, payload: object, place: int) -> None:  # noqa: ANN401
        nonlocal refused
        try:
            await app.process_api(event, sent(event, payload, place), state=SessionState(app))
        except gr.Error as error:
            refused += 1
            assert_sentence(error.message)
            if "Something failed" in error.message:
                faults.append((event.name, event.inputs[place].label, repr(payload)[:40]))
        except Exception as error:
            faults.append((event.name, event.inputs[place].label, repr(error)[:80]))

    async def ask_all() -> None:
        for event in events(app):
            fields = [
                place
                for place, field in enumerate(event.inputs)
                if field.get_block_name() != "state"
            ]
            for turn, payload in enumerate(PAYLOADS if fields else ()):
                await ask(event, payload, fields[turn % len(fields)])

    asyncio.run(ask_all())
    assert not faults
    assert refused >= 50
