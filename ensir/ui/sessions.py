"""What is kept of visitors: the results of those who acted last, of many more what is small."""

from __future__ import annotations

from gradio.state_holder import SessionState


class Sessions:
    """The sessions that hold results, at most `most`: of another the one that waited longest lets
    go of its own, and begins anew.

    Gradio can bound all sessions alone; it makes one in the time of a click, and programs that look
    at nothing of theirs have sessions, too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._holding: dict[SessionState, None] = {}  # who acted last comes last

    def acted(self, session: SessionState) -> None:
        """Notes that an event of this session has ended."""
        self._holding.pop(session, None)
        if not session.state_data:
            return
        self._holding[session] = None
        if len(self._holding) > self._most:
            longest_ago = next(iter(self._holding))
            del self._holding[longest_ago]
            longest_ago.state_data.clear()
