import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ensir.ui import remembered
from ensir.ui.remembered import PAGES, Remembered

pytestmark = pytest.mark.filterwarnings("default")


class Visited:
    """Clients of an application that counts what it is asked for."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.asked: Counter[str] = Counter()

        async def counted(request: Request) -> Response:
            self.asked[request.url.path] += 1
            return answer(request)

        inside = Starlette(routes=[Route("/{path:path}", counted, methods=["GET", "POST"])])
        self.application = Remembered(inside)
        self.client = TestClient(self.application)


def of_host(request: Request) -> Response:
    return PlainTextResponse(f"this is {request.headers['host']}{request.url.path}")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_made_once_and_is_the_same_for_all(path: str) -> None:
    visited = Visited(of_host)
    answers = [visited.client.get(path) for _ in range(3)]
    assert visited.asked == {path: 1}
    assert {answer.text for answer in answers} == {f"this is testserver{path}"}
    first, *others = (dict(answer.headers) for answer in answers)
    assert all(headers == first for headers in others)


@pytest.mark.parametrize("first", ["HEAD", "GET"])
def test_the_head_of_a_page_and_the_page_are_made_together(first: str) -> None:
    visited = Visited(of_host)
    visited.client.request(first, "/")
    head, page = visited.client.head("/"), visited.client.get("/")
    assert visited.asked == {"/": 1}
    assert (head.status_code, head.content, page.text) == (200, b"", "this is testserver/")
    assert head.headers == page.headers


def test_a_page_is_made_again_for_whatever_it_is_made_from() -> None:
    visited = Visited(of_host)
    for headers in (
        {"host": "here"},
        {"host": "there"},
        {"host": "here", "x-forwarded-host": "elsewhere"},
        {"host": "here", "x-forwarded-proto": "https"},
        {"host": "here", "x-gradio-server": "http://elsewhere"},
    ):
        before = visited.asked["/"]
        for visitor in ("Firefox", "Chromium"):
            answer = visited.client.get("/", headers={**headers, "user-agent": visitor})
            assert answer.text == f"this is {headers['host']}/"
        assert visited.asked["/"] == before + 1


def test_what_is_no_page_or_asks_for_more_is_passed_on() -> None:
    visited = Visited(of_host)
    for _ in range(2):
        visited.client.get("/gradio_api/info")
        visited.client.get("/?task=noise")
        visited.client.post("/config")
    assert visited.asked == {"/gradio_api/info": 2, "/": 2, "/config": 2}


def test_a_page_is_packed_once_for_all_who_can_unpack_it() -> None:
    text = "a page " * 1000
    visited = Visited(lambda _: PlainTextResponse(text))
    for way, packed in (("gzip, deflate, br", True), ("identity", False)) * 2:
        answer = visited.client.get("/", headers={"accept-encoding": way})
        assert answer.text == text
        assert (answer.headers.get("content-encoding") == "gzip") == packed
        assert (int(answer.headers["content-length"]) < len(text) / 6) == packed
        assert answer.headers["vary"].lower() == "accept-encoding"
    assert visited.asked == {"/": 2}


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: PlainTextResponse("no", 404),
        lambda _: PlainTextResponse("yours", headers={"set-cookie": "name=ann"}),
    ],
)
def test_a_refusal_or_what_is_for_one_visitor_is_not_kept(
    answer: Callable[[Request], Response],
) -> None:
    visited = Visited(answer)
    for _ in range(2):
        visited.client.get("/")
    assert visited.asked["/"] == 2


def test_an_answer_that_broke_off_is_not_kept() -> None:
    pieces = iter([["half", None], ["half", "whole"]])

    def broken(_: Request) -> Response:
        def content() -> object:
            for piece in next(pieces):
                if piece is None:
                    raise RuntimeError("broke off")
                yield piece

        return StreamingResponse(content())

    visited = Visited(broken)
    with pytest.raises(RuntimeError, match="broke off"):
        visited.client.get("/")
    assert [visited.client.get("/").text for _ in range(2)] == ["halfwhole"] * 2
    assert visited.asked["/"] == 2


def test_what_is_added_to_an_answer_is_not_added_to_the_next() -> None:
    visited = Visited(of_host)

    async def adding(scope: dict, receive: Callable, send: Callable) -> None:
        async def marked(message: dict) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-mark", b"1")]
            await send(message)

        await visited.application(scope, receive, marked)

    client = TestClient(adding)
    for _ in range(3):
        assert client.get("/").headers.get_list("x-mark") == ["1"]
    assert visited.asked["/"] == 1


def test_the_answers_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    visited = Visited(of_host)
    for host in ("a", "b", "a", "c", "a", "b"):
        visited.client.get("/", headers={"host": host})
    assert visited.asked["/"] == 4  # "b" went for "c"


def test_who_comes_while_a_page_is_made_or_sent_gets_the_same() -> None:
    visited, sent = Visited(of_host), []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"here")],
        "query_string": b"",
    }

    async def receive() -> dict:
        return {"type": "http.request"}

    async def slowly(message: dict) -> None:
        await asyncio.sleep(0)  # others have their turn
        sent.append(message)

    async def gone(message: dict) -> None:
        raise OSError

    async def all_at_once() -> list[object]:
        sends = (slowly, gone, slowly, slowly)
        visits = (visited.application(dict(scope), receive, send) for send in sends)
        return await asyncio.gather(*visits, return_exceptions=True)

    assert [type(end) for end in asyncio.run(all_at_once())] == [type(None), OSError] + [
        type(None)
    ] * 2
    assert visited.asked["/"] == 1
    assert [it["body"] for it in sent if it["type"] == "http.response.body"] == [
        b"this is here/"
    ] * 3
