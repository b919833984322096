"""Two visitors in browsers of their own, through every tab: apart from each other and from the net.

The events of a page are those of its tabs; which tabs there are is found out here, not listed.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import httpx
import pytest

from ensir.images import encode_png
from ensir.ui import launch
from tests.conftest import make_pictures
from tests.ui.test_app import CHROMIUM, LOCAL, WAIT, expect, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]

LOST = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"  # no other machine can be reached
KEY = re.compile(r"[0-9a-f]{32,}")


@dataclass
class Seen:
    """What one visitor's browser asked for, and what it was told."""

    context: "BrowserContext"
    page: "Page"
    picture: bytes
    addresses: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)

    @property
    def files(self) -> set[str]:
        """The paths of files that it fetched."""
        found = {unquote(urlparse(one).path) for one in self.addresses}
        return {path.partition("file=")[2] for path in found if "file=" in path}


@pytest.fixture(scope="module")
def connections() -> list[object]:
    """Every address that this process, which serves the app, connects to or looks up."""
    asked: list[object] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.connect":
            asked.append(arguments[1])
        elif event == "socket.getaddrinfo":
            asked.append(arguments[0])

    sys.addaudithook(note)
    return asked


@pytest.fixture(scope="module")
def visitors(connections: list[object]) -> Iterator[tuple[str, Seen, Seen]]:
    """Two visitors who each had a picture of their own restored and went through every tab."""
    if sync_playwright is None or CHROMIUM is None:
        pytest.skip("no browser here: install chromium and playwright")
    import gradio as gr

    address = launch(wait=False)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--force-color-profile=srgb", f"--host-resolver-rules={LOST}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        expect.set_options(timeout=WAIT)
        seen = [visitor(browser.new_context(reduced_motion="reduce"), seed) for seed in (41, 42)]
        for one in seen:
            work(one, address)
        yield address, *seen
        browser.close()
    gr.close_all(verbose=False)


def visitor(context: "BrowserContext", seed: int) -> Seen:
    context.set_default_timeout(WAIT)
    candidates, _ = make_pictures(seed, members=1, height=44, width=40)
    seen = Seen(context, context.new_page(), encode_png(candidates[0]))

    def note(address: str) -> None:
        if urlparse(address).hostname not in LOCAL:
            seen.strangers.add(address)
        seen.addresses.add(address)

    context.on("request", lambda request: note(request.url))
    seen.page.on("websocket", lambda socket: note(socket.url))
    return seen


def work(seen: Seen, address: str) -> None:
    """Uploads a picture, has it restored and fused, and opens every tab and fold there is."""
    page = seen.page
    page.goto(address, wait_until="domcontentloaded")
    expect(page.locator("#histogram svg").first).to_be_visible()
    upload = {"name": "holiday.png", "mimeType": "image/png", "buffer": seen.picture}
    page.locator("#picture input[type=file]").set_input_files(upload)
    expect(page.locator("#note")).to_contain_text("New input")
    page.locator("#run").click()
    expect(page.locator("#note")).not_to_contain_text("New input")
    expect(page.locator("#stop")).to_be_disabled()
    opened: set[str] = set()
    while left := [one for one in tabs(page) if one not in opened]:
        opened.add(left[0])
        tab = page.get_by_role("tab", name=left[0], exact=True).first
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        page.wait_for_function("[...document.images].every((one) => one.complete)")
    assert len(opened) >= 2
    # What the page holds without having fetched it, too.
    addresses = page.eval_on_selector_all(
        "[src], [href]", "all => all.map((one) => one.src || one.href).filter(Boolean)"
    )
    seen.addresses |= {one for one in addresses if isinstance(one, str)}


def tabs(page: "Page") -> list[str]:
    return [
        one.inner_text().strip()
        for one in page.get_by_role("tab").all()
        if one.is_visible() and one.is_enabled()
    ]


def test_no_request_leaves_the_machine_through_every_tab(
    visitors: tuple[str, Seen, Seen], connections: list[object]
) -> None:
    _, ann, bob = visitors
    assert not ann.strangers | bob.strangers
    assert len(ann.addresses) > 20
    asked = {one[0] if isinstance(one, tuple) else one for one in connections}
    names = {one.decode() if isinstance(one, bytes) else one for one in asked}
    for name in names - {None, "localhost", ""}:
        if isinstance(name, str) and name.startswith("/"):
            continue  # a socket of this machine
        assert ip_address(str(name)).is_loopback, name


def test_nothing_of_one_visitor_is_reached_from_the_addresses_of_the_other(
    visitors: tuple[str, Seen, Seen],
) -> None:
    address, ann, bob = visitors
    own = ann.files - bob.files  # what both have is of the page
    keys = {key for path in own for key in KEY.findall(path)}
    assert own and keys
    theirs = {fetched(address, path).content for path in own}
    assert ann.picture in theirs
    there = {folder for path in bob.files for folder in list(Path(path).parents)[:2]}
    near = {f"{folder}{end}" for folder in there for end in ("", "/", "/../", "/holiday.png")}
    answers = [httpx.get(one, timeout=WAIT / 1000) for one in bob.addresses if ends(one)]
    answers += [fetched(address, path) for path in near]
    assert len(answers) > 20
    for answer in answers:
        assert answer.content not in theirs, answer.url
        assert not any(key.encode() in answer.content for key in keys), answer.url


def test_each_visit_has_a_name_of_its_own_and_leaves_no_cookie(
    visitors: tuple[str, Seen, Seen],
) -> None:
    _, ann, bob = visitors
    name = re.compile(r"(?:session_hash=|heartbeat/)(\w+)")
    visits = [{one for told in seen.addresses for one in name.findall(told)} for seen in (ann, bob)]
    assert all(visits) and not visits[0] & visits[1]
    assert [one.context.cookies() for one in (ann, bob)] == [[], []]


def ends(address: str) -> bool:
    """Whether this address of the app, not of its scripts and styles, is answered to the end."""
    lasts = any(word in address for word in ("heartbeat", "queue/data", "/assets/", "/static/"))
    return urlparse(address).hostname == "127.0.0.1" and not lasts


def fetched(address: str, path: str) -> httpx.Response:
    return httpx.get(f"{address}gradio_api/file={path}", timeout=WAIT / 1000)
