"""Pages that are the same for every visitor are made once.

Gradio copies its description of the app and writes it, a megabyte, at each visit: a tenth of a
second that all others wait for. It packs files for the way, but not these; packed they are a sixth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.middleware.gzip import GZipMiddleware

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Key = tuple[object, ...]

PAGES = ("/", "/config")  # the app, for browsers and for programs
METHODS = ("GET", "HEAD")  # Gradio asks itself for its head when it begins
BODY = "http.response.body"
# All of a request that Gradio makes them from: the address that it shall name in links.
MADE_FROM = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")
MOST = 16  # answers kept, a megabyte each at most; who sends odd headers puts others out of them


class Remembered:
    """An ASGI application before another, whose `PAGES` it asks for once for each kind of request.

    Only whole answers of status 200 that give no cookie are kept, the ones asked for last.
    """

    def __init__(self, inside: Application) -> None:
        self._inside = inside
        self._packing = GZipMiddleware(inside)
        self._kept: dict[Key, list[Message]] = {}
        self._making = asyncio.Lock()  # who comes meanwhile waits for the same

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = key_of(scope)
        if key is None:
            await self._inside(scope, receive, send)
            return
        if key not in self._kept:
            async with self._making:
                if key not in self._kept:
                    messages = await self._made({**scope, "method": "GET"}, receive)
                    if not _is_to_keep(messages):
                        await _send_all(scope, messages, send)
                        return
                    self._kept[key] = messages
        messages = self._kept.pop(key)
        self._kept[key] = messages  # behind all others
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        await _send_all(scope, messages, send)

    async def _made(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def noted(message: Message) -> None:
            messages.append(message)

        await self._packing(scope, receive, noted)
        return messages


async def _send_all(scope: Scope, messages: list[Message], send: Send) -> None:
    if scope["method"] == "HEAD" and messages:
        messages = [messages[0], {"type": BODY, "body": b""}]
    for message in messages:
        await send(dict(message))  # a copy: who sends it may add to its headers


def key_of(scope: Scope) -> Key | None:
    """What a page is made from; None for a request that is for none, or asks more of it."""
    if scope["type"] != "http" or scope["method"] not in METHODS or scope["path"] not in PAGES:
        return None
    if scope.get("query_string"):
        return None
    headers = ((name, value) for name, value in scope["headers"] if name in MADE_FROM)
    where = scope.get("scheme"), *(scope.get("server") or ()), scope.get("root_path")
    packed = any(name == b"accept-encoding" and b"gzip" in said for name, said in scope["headers"])
    return scope["path"], packed, *where, *headers


def _is_to_keep(messages: list[Message]) -> bool:
    if not messages:
        return False
    first, last = messages[0], messages[-1]
    return (
        first.get("status") == 200
        and not any(name.lower() == b"set-cookie" for name, _ in first.get("headers", ()))
        and last["type"] == BODY
        and not last.get("more_body", False)
    )
