"""What every request passes: limits by size, by address and by what the machine has left.

It stands before Gradio, whose limit of a file covers neither a request nor a visitor. It adds the
headers that keep the page safe in a browser, answers /healthz, and writes a line of log in which
there is no name, path or address of anybody.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from ensir.limits import LEAST_FREE_BYTES, MOST_BODY_BYTES, MOST_UPLOAD_BYTES, Profile
from ensir.ui.remembered import Application, Message, Receive, Remembered, Scope, Send

log = logging.getLogger("ensir.requests")

API = "/gradio_api/"
UPLOAD = f"{API}upload"
EVENTS = (f"{API}queue/join", f"{API}call/", f"{API}api/", f"{API}run/")
# What Gradio serves and this app has no use for: addresses that it would fetch, other pages.
CLOSED = re.compile(
    r"^/(gradio_api/)?(proxy=|file=https?:|dev/|deep_link|monitoring|runs?-?history|runs(/|$)"
    r"|process_recording|stream/|(undo-)?vibe-)",
    re.IGNORECASE,
)
MOST_ADDRESSES = 10_000  # whose requests are counted
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass
class Bucket:
    """Lets `a_minute` requests of one address through in a minute, and as many at once."""

    a_minute: int
    left: dict[str, tuple[float, float]] = field(default_factory=dict)  # requests, at which time

    def takes(self, address: str, now: float) -> bool:
        """Whether one more may pass at `now`, in seconds.

        >>> bucket = Bucket(2)
        >>> [bucket.takes("a", now) for now in (0, 1, 2, 40, 41)]
        [True, True, False, True, False]
        """
        left, then = self.left.pop(address, (float(self.a_minute), now))
        left = min(self.a_minute, left + (now - then) * self.a_minute / 60)
        passes = left >= 1
        self.left[address] = (left - passes, now)  # behind all others
        if len(self.left) > MOST_ADDRESSES:
            del self.left[next(iter(self.left))]
        return passes


class Gate:
    """An ASGI application before another.

    `folder` is where uploads go, `pending` says how many events of an address run or wait.
    """

    def __init__(
        self,
        inside: Application,
        profile: Profile,
        folder: Path,
        pending: Callable[[str], int],
    ) -> None:
        self._inside = Remembered(inside)
        self._profile = profile
        self._folder = folder
        self._pending = pending
        self._uploads = _bucket(profile.uploads_a_minute)
        self._events = _bucket(profile.events_a_minute)
        self._headers = [
            (name.encode(), value.encode())
            for name, value in (
                *HEADERS.items(),
                ("content-security-policy", f"frame-ancestors {profile.framed_by}"),
            )
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 500:  # how Gradio answers refusals, too; faults have an id in the log
                    message["status"] = 400
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        finally:
            log.info(
                "request",
                extra={
                    "fields": {
                        "method": scope["method"],
                        "route": route_of(scope["path"]),
                        "status": status,
                        "milliseconds": round(1000 * (time.monotonic() - began)),
                    }
                },
            )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            missing = self._missing()
            health = {"status": "ok"} if missing is None else {"status": "busy", "why": missing}
            await _say(send, 200 if missing is None else 503, health)
            return
        refused = self._refusal(scope)
        if refused is not None:
            status, sentence = refused
            await _say(send, status, {"detail": sentence, "error": sentence})
            return
        body = _Body(receive, send, most_bytes(scope))
        try:
            await self._inside(scope, body.receive, body.send)
        except Exception:
            if body.too_long:  # what was cut off looks to Gradio like a visitor who left
                return
            if body.answered:
                raise
            # Gradio checks few of the bodies that it is sent: what it trips over is not our fault.
            error_id = secrets.token_hex(4)
            log.exception("error %s", error_id)
            sentence = f"this request cannot be answered (id {error_id}): send what the page sends"
            await _say(send, 400, {"detail": sentence, "error": sentence})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence for a request that must not pass."""
        path: str = scope["path"]
        if CLOSED.match(path):
            return 404, "there is nothing here"
        if scope["method"] != "POST":
            return None
        most = most_bytes(scope)
        if declared_length(scope) > most:
            return 413, too_large(most)
        address = address_of(scope)
        if path == UPLOAD:
            if self._uploads is not None and not self._uploads.takes(address, time.monotonic()):
                return 429, f"more than {self._uploads.a_minute} uploads a minute: wait a little"
            if shutil.disk_usage(self._folder).free < LEAST_FREE_BYTES:
                return 507, "there is no room for more files just now: try again later"
        if path.startswith(EVENTS):
            if self._events is not None and not self._events.takes(address, time.monotonic()):
                return 429, f"more than {self._events.a_minute} requests a minute: wait a little"
            most_pending = self._profile.pending
            if most_pending is not None and self._pending(address) >= most_pending:
                return 429, f"{most_pending} requests of yours are under way: wait for them"
            if self._short_of_memory():
                return 503, "the app is short of memory just now: try again in a minute"
        return None

    def _missing(self) -> str | None:
        """What the machine has too little of."""
        if shutil.disk_usage(self._folder).free < LEAST_FREE_BYTES:
            return "disk"
        return "memory" if self._short_of_memory() else None

    def _short_of_memory(self) -> bool:
        most = self._profile.memory_bytes
        return most is not None and resident_bytes() > most


class _Body:
    """A request's body, cut off where it is longer than was said: then the answer is ours."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send, self._most = receive, send, most
        self._came = 0
        self.too_long = False
        self.answered = False  # at least in part

    async def receive(self) -> Message:
        if self.too_long:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._came += len(message.get("body", b""))
        if self._came <= self._most or self.answered:
            return message
        self.too_long = True
        sentence = too_large(self._most)
        await _say(self._send, 413, {"detail": sentence, "error": sentence})
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self.too_long:
            self.answered = True
            await self._send(message)


def address_of(scope: Scope) -> str:
    """Whom a request counts for: an IPv4 address, or the network of one IPv6 customer."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return str(host)
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


def route_of(path: str) -> str:
    """The part of a path that names nobody and nothing.

    >>> route_of("/gradio_api/file=/tmp/ann/x.png"), route_of("/gradio_api/heartbeat/k3j4")
    ('/gradio_api/file', '/gradio_api/heartbeat')
    """
    found = re.match(r"/(gradio_api/)?[a-z_]{0,20}(?=$|[=/.])", path)
    return found[0] if found else "other"


def most_bytes(scope: Scope) -> int:
    return MOST_UPLOAD_BYTES if scope["path"] == UPLOAD else MOST_BODY_BYTES


def declared_length(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return max((int(value) for value in values if value.isdigit()), default=0)


def too_large(most: int) -> str:
    return f"a request has at most {most / 2**20:.4g} MB here: send less"


def resident_bytes() -> int:
    """The memory that this process takes, where the system says it; else 0."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bucket(a_minute: int | None) -> Bucket | None:
    return None if a_minute is None else Bucket(a_minute)


async def _say(send: Send, status: int, content: dict[str, str]) -> None:
    text = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
