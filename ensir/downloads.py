"""Fetches one file whose content is known beforehand; what was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ensir.errors import InputError
from ensir.files import shown_name
from ensir.limits import DOWNLOAD_SECONDS, MOST_CHECKPOINT_BYTES
from ensir.progress import OnProgress

PART = ".part"  # ends the name of what has come so far
BLOCK = 2**20
PARTIAL, NOTHING_MORE = 206, 416  # HTTP status codes


def download(link: str, output: Path, sha256: str, on_progress: OnProgress) -> None:
    """Writes the file behind a link, whole and with this SHA-256, or not at all.

    What comes is kept beside the output, in a file that ends in ".part"; after an interruption it
    is gone on from, if the server can. A file with another hash is thrown away.

    Raises InputError when the link cannot be reached, ends early, is too large or is another file.
    """
    if urlsplit(link).scheme not in ("https", "http"):
        raise InputError("a file is fetched from an address of https://: choose another")
    part = output.with_name(output.name + PART)
    name = shown_name(output)
    try:
        _receive(link, part, name, on_progress)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            part.unlink()
            raise InputError(
                f"{name} came with another content than is known (SHA-256 {found[:16]}…, wanted "
                f"{sha256[:16]}…): get it from its authors"
            )
        os.replace(part, output)
    except HTTPError as error:
        raise InputError(
            f"{name} is not to be had there (HTTP {error.code}): try again later"
        ) from None
    except (URLError, HTTPException, TimeoutError, ConnectionError, EOFError):
        raise InputError(
            f"{name} could not be fetched whole: try again, it goes on where it stopped"
        ) from None


def _receive(link: str, part: Path, name: str, on_progress: OnProgress) -> None:
    """Appends to what has come, or begins anew where the server sends the whole."""
    there = part.stat().st_size if part.exists() else 0
    request = Request(link, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        answer = urlopen(request, timeout=DOWNLOAD_SECONDS)
    except HTTPError as error:
        if there and error.code == NOTHING_MORE:  # all of it has come
            return
        raise
    with answer:
        goes_on = answer.status == PARTIAL and answer.headers.get("Content-Range", "").startswith(
            f"bytes {there}-"
        )
        there = there if goes_on else 0
        length = int(answer.headers.get("Content-Length") or 0)
        total = there + length
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read(BLOCK):
                there += len(block)
                if max(there, total) > MOST_CHECKPOINT_BYTES:
                    raise InputError(
                        f"{name} has more than {MOST_CHECKPOINT_BYTES / 2**20:.4g} MB, the limit "
                        "here: choose a smaller file"
                    )
                file.write(block)
                on_progress(there, max(total, there))
            file.flush()
            os.fsync(file.fileno())
        if length and there < total:
            raise EOFError
