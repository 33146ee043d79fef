"""The pace that Telegram permits: one message a second to a chat, and twenty a minute to a group."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

CHAT_MS = 1_000
GROUP_MS = 60_000
GROUP_MESSAGES = 20
MOST_CHATS = 1_000


class Pace:
    """The times of the last messages to each chat, by a timer that is never set."""

    def __init__(self, timer: Callable[[], int]) -> None:
        self._timer = timer
        self._sent: dict[str, deque[int]] = {}

    def admits(self, chats: Sequence[str]) -> bool:
        """Return True when a message may go to all of these chats now."""
        return all(self._admits(chat) for chat in chats)

    def note(self, chats: Sequence[str]) -> None:
        """Note that a message goes to these chats."""
        if len(self._sent) >= MOST_CHATS:
            self._sent = {chat: times for chat, times in self._sent.items() if self._timer() - times[-1] < GROUP_MS}
        for chat in chats:
            self._sent.setdefault(chat, deque(maxlen=GROUP_MESSAGES)).append(self._timer())

    def _admits(self, chat: str) -> bool:
        times, now = self._sent.get(chat, ()), self._timer()
        if not times:
            return True
        is_group = chat.startswith(("-", "@"))
        is_full = is_group and len(times) == GROUP_MESSAGES and now - times[0] < GROUP_MS
        return now - times[-1] >= CHAT_MS and not is_full
