"""Whatever JSON is sent to the app: an answer or one sentence, never a fault, never a path."""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

if importlib.util.find_spec("gradio") is None:
    pytest.skip("the app needs Gradio, which is not installed", allow_module_level=True)

from ensir.ui import api  # isort: skip - ensir.ui comes before Gradio
import gradio as gr
from starlette.testclient import TestClient

from ensir.images import encode_png
from ensir.limits import MOST_PICTURE_BYTES, PUBLIC_DEMO
from ensir.ui.gate import Gate
from tests.conftest import make_pictures
from tests.fuzz.cases import EDGES, assert_sentence, cases

pytestmark = pytest.mark.filterwarnings("default")

HERE = str(Path(__file__).parents[2])
PATHS = (
    *("", "/etc/passwd", "../../x.png", "\0"),
    *("http://127.0.0.1/x.png", "data:image/png;base64,AA"),
)
NAMES = (
    *("median", "bilateral", "total variation", "non-local means"),
    *("A", "fused", "x" * 81, "a\nb"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from((*EDGES, -1, 0.5, 1e308, float("nan"), float("inf")))
    | st.text(max_size=6)
    | st.sampled_from((*NAMES, *PATHS, "em", "published")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("path", "url", "meta", "x")), inner, max_size=3)
    ),
    max_leaves=8,
)
MODELS = st.lists(st.sampled_from(NAMES), max_size=4) | VALUES
LEVELS = st.integers(-1, 256) | VALUES
PIXELS = st.lists(st.lists(LEVELS, min_size=2, max_size=3), max_size=4) | VALUES
WIDTHS = st.sampled_from((64, 128, 256)) | VALUES  # narrow bins take longer to fit
METHODS = st.sampled_from(("em", "published")) | VALUES
FILES = st.none() | st.builds(
    lambda path, more: {"path": path, **more},
    st.sampled_from(PATHS) | VALUES,
    st.dictionaries(st.sampled_from(("url", "meta", "is_stream", "size")), VALUES, max_size=2),
)


def assert_answers(call: Any, *arguments: object) -> None:  # noqa: ANN401
    try:
        answer = call(*arguments)
    except gr.Error as error:
        text = error.message
        assert_sentence(text)
        assert HERE not in text and os.environ["GRADIO_TEMP_DIR"] not in text
        assert "Something failed" not in text, "a fault, not a refusal"
    else:
        assert HERE not in json.dumps(answer, default=str)


@cases(1200)
@given(values=PIXELS, models=MODELS, width=WIDTHS, method=METHODS, table=FILES)
def test_weights_at(values: Any, models: Any, width: Any, method: Any, table: Any) -> None:  # noqa: ANN401
    assert_answers(api.weights_at, values, models, width, method, table)


@cases(1000)
@given(models=MODELS, width=WIDTHS, method=METHODS, table=FILES)
def test_table_info(models: Any, width: Any, method: Any, table: Any) -> None:  # noqa: ANN401
    assert_answers(api.table_info, models, width, method, table)


@cases(500)
@given(
    pictures=st.lists(FILES, max_size=3) | VALUES,
    models=MODELS,
    width=WIDTHS,
    method=METHODS,
    table=FILES,
    crop=VALUES,
)
def test_fuse(
    pictures: Any,  # noqa: ANN401
    models: Any,  # noqa: ANN401
    width: Any,  # noqa: ANN401
    method: Any,  # noqa: ANN401
    table: Any,  # noqa: ANN401
    crop: Any,  # noqa: ANN401
) -> None:
    assert_answers(api.fuse, pictures, models, width, method, table, crop)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """The app behind its gate, as the internet reaches it, without a server."""
    from dataclasses import replace

    from gradio.routes import App

    from ensir.ui import build_app
    from ensir.ui.app import gate_of

    open_to_all = replace(
        PUBLIC_DEMO, uploads_a_minute=None, events_a_minute=None, pending=None, memory_bytes=None
    )
    app = build_app()
    app.show_error, app.max_file_size = False, MOST_PICTURE_BYTES  # as when it is launched
    app._queue.max_size = None  # nothing is taken from it here: a long run would fill it
    served = App.create_app(app, app_kwargs={"middleware": [gate_of(app, open_to_all)]})
    assert any(one.cls is Gate for one in served.user_middleware)
    with TestClient(served, raise_server_exceptions=False) as opened:
        yield opened
    gr.close_all(verbose=False)


ROUTES = (
    *("queue/join", "cancel", "reset", "component_server", "call/fuse", "call/table_info"),
    *("call/weights_at", "call/v2/fuse", "run/predict", "api/fuse", "upload", "stream/x"),
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.lists(VALUES, max_size=6) | VALUES,
        "fn_index": st.integers(-2, 60) | VALUES,
        "session_hash": st.sampled_from(("s", "", "../x")) | VALUES,
        "event_id": VALUES,
        "event_data": VALUES,
        "trigger_id": VALUES,
        "component_id": VALUES,
        "api_name": VALUES,
        "simple_format": VALUES,
    },
)


def assert_no_fault(answer: Any) -> None:  # noqa: ANN401
    assert answer.status_code < 500, (answer.status_code, answer.text)
    assert HERE not in answer.text and os.environ["GRADIO_TEMP_DIR"] not in answer.text
    assert "Traceback" not in answer.text


@cases(300)
@given(route=st.sampled_from(ROUTES), body=BODIES | VALUES)
def test_any_json_to_any_route(client: TestClient, route: str, body: Any) -> None:  # noqa: ANN401
    answer = client.post(
        f"/gradio_api/{route}",
        content=json.dumps(body).encode("utf-8", "surrogatepass"),
        headers={"content-type": "application/json"},
    )
    assert_no_fault(answer)


@cases(100)
@given(
    where=st.sampled_from(("file=", "proxy=", "heartbeat/", "call/fuse/", "queue/data?", "")),
    rest=st.sampled_from((*PATHS, HERE, f"{HERE}/pyproject.toml")) | st.text(max_size=12),
)
def test_any_address(client: TestClient, where: str, rest: str) -> None:
    from urllib.parse import quote

    if where in ("heartbeat/", "queue/data?"):
        return  # these answer for as long as the visitor stays
    answer = client.get(f"/gradio_api/{where}{quote(rest)}")
    assert answer.status_code < 500 and "hatchling" not in answer.text
    assert "[tool.ruff]" not in answer.text and "root:" not in answer.text


def test_afterwards_a_good_call_is_answered(client: TestClient) -> None:
    made, _ = make_pictures(seed=21, members=2, height=20, width=18)
    for image in made:
        sent = client.post(
            "/gradio_api/upload", files={"files": ("x.png", encode_png(image), "image/png")}
        )
        assert sent.status_code == 200
        assert client.get(f"/gradio_api/file={sent.json()[0]}").content == encode_png(image)
    answer = client.post("/gradio_api/call/table_info", json={"data": [["median", "bilateral"]]})
    assert answer.status_code == 200 and answer.json()["event_id"]
