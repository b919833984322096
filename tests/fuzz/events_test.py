"""Whatever is sent to an event of the page, around its limits: an answer or one sentence.

The events are those of the app, as it is: one that is added is sent the same.
"""

import asyncio
import importlib.util
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("gradio") is None:
    pytest.skip("the app needs Gradio, which is not installed", allow_module_level=True)

from ensir.ui import build_app  # isort: skip - ensir.ui comes before Gradio
import gradio as gr
from gradio.state_holder import SessionState

from tests.fuzz.cases import TIMES, assert_sentence

pytestmark = pytest.mark.filterwarnings("default")

HERE = str(Path(__file__).parents[2])
LEAST = 10 * TIMES  # payloads for each event
FOREIGN = (
    *({"path": "/etc/passwd"}, {"path": "http://127.0.0.1/x.png"}, {"path": f"{HERE}/app.py"}),
    *({"path": "data:image/png;base64,AA"}, {"path": ""}, {"path": 7}, {"path": "x", "meta": 7}),
)
ANYTHING = (
    *(None, math.nan, -1, 10**30, True, [], {}),
    *("x" * 5000, "\x1b[2J<b>", "http://127.0.0.1/x.png"),
    *({"path": "/etc/passwd"}, ["a"] * 1000, [[[]]]),
)
NUMBERS = (math.nan, math.inf, -(10**30), 10**30, 1e-300, "5", True, [5], {}, None, "0x1F")
WORDS = ("x" * 5000, "", "\x1b[2J<b>x</b>", 7, True, ["x"], {}, math.nan, "\u202e", "a\nb")
LISTS = (["x"] * 1000, [None], [[]], [{}], "x", 7, {}, [math.nan], ["\x1b[2J<b>"], [True, "x"])
# What an event says of itself: for all of its names, or for one while the others are 0.
SAID = (
    None,
    math.nan,
    -1,
    10**30,
    True,
    1.5,
    "x" * 5000,
    [],
    ["a"] * 1000,
    [[]],
    {},
    "0",
    *FOREIGN,
)


def beyond(one: Any) -> tuple[object, ...]:  # noqa: ANN401
    """What a field would never send."""
    kind = one.get_block_name()
    if kind in ("image", "file", "gallery"):
        return (*FOREIGN, *ANYTHING)
    if kind == "slider":
        return (one.minimum - 1, one.maximum + 1, one.minimum + one.step / 3, *NUMBERS)
    if kind == "number":
        return (-1, 0.5, *NUMBERS)
    if kind in ("checkboxgroup", "dropdown") and isinstance(one.value, list):
        return (*(one.value[:1] * 2 for _ in one.value[:1]), *LISTS)
    if kind in ("radio", "dropdown", "textbox"):
        return WORDS
    return ANYTHING


@pytest.fixture(scope="module")
def app() -> Iterator[gr.Blocks]:
    yield build_app()
    gr.close_all(verbose=False)


def events(app: gr.Blocks) -> list[Any]:
    """Each event once, whatever it is bound to."""
    named = {
        (event.name, tuple(one.get_block_name() for one in event.inputs)): event
        for event in app.fns.values()
        if event.fn is not None and (event.inputs or event.collects_event_data)
    }
    return list(named.values())


@dataclass
class Sender:
    """Sends events, one after the other, and notes what is no answer and no sentence."""

    app: gr.Blocks
    sent: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[object, ...]] = field(default_factory=list)

    async def send(self, event: Any, values: list[object], data: object, about: object) -> None:  # noqa: ANN401
        self.sent[event.name] = self.sent.get(event.name, 0) + 1
        try:
            answers = await self._answers(event, values, data)
        except gr.Error as error:
            self.refused[event.name] = self.refused.get(event.name, 0) + 1
            said = error.message
            assert_sentence(said)
            assert HERE not in said and os.environ["GRADIO_TEMP_DIR"] not in said
            if "Something failed" in said:
                self.faults.append((event.name, about))
        except Exception as error:
            self.faults.append((event.name, about, repr(error)[:80]))
        else:
            assert HERE not in json.dumps(answers, default=str)

    async def _answers(self, event: Any, values: list[object], data: object) -> list[object]:  # noqa: ANN401
        """All that is answered, step by step, as a visitor's page gets it."""
        state, iterator, answers = SessionState(self.app), None, []
        while True:
            answer = await self.app.process_api(
                event,
                values,
                state=state,
                iterator=iterator,
                event_data=gr.EventData(None, data),
            )
            iterator = answer.pop("iterator", None)
            answers.append(answer)
            if not answer["is_generating"]:
                return answers


def at_first(event: Any) -> list[object]:  # noqa: ANN401
    """What the fields of an event hold at first; states cannot be sent."""
    return [
        None if one.get_block_name() == "state" else getattr(one, "value", None)
        for one in event.inputs
    ]


def test_ten_values_around_the_limits_of_each_event_are_answered_or_refused_in_one_sentence(
    app: gr.Blocks,
) -> None:
    sender = Sender(app)

    async def send_all() -> None:
        for event in events(app):
            places = [
                place for place, one in enumerate(event.inputs) if one.get_block_name() != "state"
            ]
            payloads = {place: beyond(event.inputs[place]) for place in places}
            for turn in range(max(LEAST, len(places)) if places else 0):
                place = places[turn % len(places)]
                values = at_first(event)
                values[place] = payloads[place][turn // len(places) % len(payloads[place])]
                about = event.inputs[place].label, repr(values[place])[:40]
                await sender.send(event, values, None, about)

    asyncio.run(send_all())
    assert not sender.faults
    assert sum(sender.refused.values()) > sum(sender.sent.values()) / 2
    with_fields = {
        event.name
        for event in events(app)
        if any(one.get_block_name() != "state" for one in event.inputs)
    }
    assert {name for name, count in sender.sent.items() if count >= 10} == with_fields


class Listening(dict[str, object]):
    """What an event says of itself: nothing, but it remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __contains__(self, name: object) -> bool:
        self.asked.append(str(name))
        return False


def test_whatever_a_click_says_of_itself_is_answered_or_refused_in_one_sentence(
    app: gr.Blocks,
) -> None:
    sender = Sender(app)
    clicks = [event for event in events(app) if event.collects_event_data]
    assert len(clicks) >= 6

    async def send_all() -> None:
        for event in clicks:
            for data in ANYTHING:
                await sender.send(event, at_first(event), data, repr(data)[:40])
            listening = Listening()
            await sender.send(event, at_first(event), listening, "nothing")
            names = list(dict.fromkeys(listening.asked))
            assert names, f"{event.name} takes what a click says and asks for nothing"
            said = [dict.fromkeys(names, value) for value in SAID]
            said += [
                {**dict.fromkeys(names, 0), names[turn % len(names)]: value}
                for turn, value in enumerate(SAID * TIMES)
            ]
            for data in said:
                await sender.send(event, at_first(event), data, repr(data)[:80])

    asyncio.run(send_all())
    assert not sender.faults
    assert all(sender.refused[event.name] >= 20 for event in clicks)
