import asyncio

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from ensir.ui import app as app_module
from ensir.ui.app import build_app
from ensir.ui.example import example
from ensir.ui.sessions import Sessions

pytestmark = pytest.mark.filterwarnings("default")  # Gradio leaves event loops open


def session_with(*values: object) -> SessionState:
    with gr.Blocks() as app:
        state = gr.State(None)
    session = SessionState(app)
    for value in values:
        session[state._id] = value
    return session


def test_who_acted_longest_ago_lets_go() -> None:
    sessions = Sessions(2)
    first, second, third = (session_with(name) for name in "abc")
    for one in (first, second, first, third):
        sessions.acted(one)
    assert [list(it.state_data.values()) for it in (first, second, third)] == [["a"], [], ["c"]]


def test_who_holds_nothing_takes_no_place() -> None:
    sessions = Sessions(1)
    holding, program = session_with("a"), session_with()
    for one in (holding, program, program, holding):
        sessions.acted(one)
    assert list(holding.state_data.values()) == ["a"]


def test_visitors_beyond_those_kept_find_the_example_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "KEPT", 2)
    app = build_app()
    (comparison,) = (it for it in app.blocks.values() if it.stateful and callable(it.value))
    click = next(fn for fn in app.fns.values() if fn.name == "on_pick")

    async def pinned(session: SessionState) -> None:
        values = [None if it.get_block_name() == "state" else "green" for it in click.inputs]
        data = gr.EventData(None, {"x": 3, "y": 4})
        await app.process_api(click, values, state=session, event_data=data)

    visitors = [SessionState(app) for _ in range(3)]
    for visitor in visitors:
        asyncio.run(pinned(visitor))
    held = [comparison._id in visitor.state_data for visitor in visitors]
    assert held == [False, True, True]
    asyncio.run(pinned(visitors[0]))
    assert visitors[0][comparison._id] is example()
