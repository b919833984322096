"""What an event leaves as it is is not made again, and the page hears the same as from Gradio."""

import asyncio
from copy import deepcopy
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlockFunction
from gradio.state_holder import SessionState

from ensir.ui.updates import SKIP, SparingBlocks

pytestmark = pytest.mark.filterwarnings("default")  # Gradio leaves event loops open
NEW = [["b", "b"], ["c", "c"]]


def app_of(kind: type[gr.Blocks], handler: object) -> tuple[gr.Blocks, BlockFunction]:
    """A page of four outputs: a list, a text, a number and what the page does not show."""
    with kind(analytics_enabled=False) as app:
        outputs = [
            gr.Dropdown(choices=[("a", "a"), ("b", "b")], value="a", label="list"),
            gr.HTML("text"),
            gr.Number(1),
            gr.State("kept"),
        ]
        gr.Button().click(handler, None, outputs)
    (block_fn,) = app.fns.values()
    return app, block_fn


def answered(kind: type[gr.Blocks], predictions: object) -> tuple[list[Any], Any, bool]:
    """What the page is sent, what is kept of the visitor, and whether the list was made anew."""
    app, block_fn = app_of(kind, lambda: predictions)
    state = SessionState(app)
    before = state[block_fn.outputs[0]._id]
    # A copy: Gradio takes updates apart.
    sent = asyncio.run(app.postprocess_data(block_fn, deepcopy(predictions), state))
    return sent, state[block_fn.outputs[3]._id], state[before._id] is not before


@pytest.mark.parametrize(
    ("predictions", "is_made_anew"),
    [
        (gr.skip(), False),
        ((gr.skip(), gr.skip(), gr.skip(), gr.skip()), False),
        ((gr.update(), "<b>new</b>", gr.skip(), "other"), False),
        ((gr.update(choices=NEW, value="c"), "new", 2, gr.skip()), True),
        ((gr.update(choices=NEW), gr.update(value=None), gr.update(value=3), None), True),
        (("b", None, 4, {"any": "thing"}), False),
    ],
)
def test_the_page_hears_what_gradio_would_say(predictions: object, is_made_anew: bool) -> None:
    sent, kept, made = answered(SparingBlocks, predictions)
    wanted, kept_by_gradio, _ = answered(gr.Blocks, predictions)
    assert [one.get("value") if isinstance(one, dict) else one for one in sent] == [
        one.get("value") if isinstance(one, dict) else one for one in wanted
    ]
    assert kept == kept_by_gradio
    assert made == is_made_anew


def test_what_the_page_may_have_changed_itself_is_said_again() -> None:
    app, block_fn = app_of(SparingBlocks, lambda: None)
    state = SessionState(app)
    for _ in range(2):
        told = (gr.update(choices=NEW, visible=True), SKIP, SKIP, SKIP)
        sent, *others = asyncio.run(app.postprocess_data(block_fn, told, state))
        assert sent["choices"] == NEW and sent["visible"] and others == [SKIP, SKIP, None]


def test_one_output_is_left_alone_too() -> None:
    with SparingBlocks(analytics_enabled=False) as app:
        number = gr.Number(1)
        gr.Button().click(lambda: None, None, number)
    (block_fn,) = app.fns.values()
    state = SessionState(app)
    assert asyncio.run(app.postprocess_data(block_fn, gr.skip(), state)) == [SKIP]
    assert asyncio.run(app.postprocess_data(block_fn, 5, state)) == [5]


def test_too_few_values_are_said_as_gradio_says_it() -> None:
    app, block_fn = app_of(SparingBlocks, lambda: None)
    with pytest.raises(ValueError, match="didn't return enough output values"):
        asyncio.run(app.postprocess_data(block_fn, ("a", "b"), SessionState(app)))
