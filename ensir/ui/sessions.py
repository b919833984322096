"""What is kept of visitors: the results of those who acted last, of many more what is small."""

from __future__ import annotations

from gradio.state_holder import SessionState


class Sessions:
    """Lets at most `most` sessions hold results.

    When one more does, the one that acted longest ago loses its own, and begins anew. Gradio can
    bound the number of all sessions only; to make one takes it as long as a click, and programs
    that hold nothing have sessions, too.
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
