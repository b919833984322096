"""The log: one line of JSON for each record, whatever characters a visitor sent.

Of an error it keeps its kind and where it happened, not its words: these may hold names and paths.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class OneLine(logging.Formatter):
    """A record as one line of JSON, ASCII only; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            said["error"] = kind.__name__
            said["at"] = [
                f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(trace)
            ]
        return json.dumps(said)


def log_to_stderr() -> None:
    """Writes what the app says of its work to standard error, from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    ours = logging.getLogger("ensir")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
