"""Liveness of nodes as one controller sees it: by its own monotonic clock, since the count of a node's pings changed.

No clock of another machine is compared. A controller that has just begun takes every node for live, and for silent
only after it has watched it for long enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from files_service.nodes.controller.members import Member


@dataclass(slots=True)
class _Seen:
    sequence: int
    boot: str
    changed_at: int


class Liveness:
    """Observations of one controller. ``timer`` is a monotonic clock in milliseconds."""

    def __init__(self, timer: Callable[[], int]) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def observe(self, member: Member) -> float:
        """Note the state of a node's document; return the seconds since it changed, as far as this controller knows."""
        now = self._timer()
        with self._lock:
            seen = self._seen.get(member.node_id)
            if seen is None or (seen.sequence, seen.boot) != (member.sequence, member.ping.boot):
                seen = self._seen[member.node_id] = _Seen(member.sequence, member.ping.boot, now)
            return (now - seen.changed_at) / 1000

    def observe_all(self, members: Mapping[str, Member]) -> dict[str, float]:
        """Observe all nodes, and forget those that are no more; return the seconds of silence of each."""
        silence = {node_id: self.observe(member) for node_id, member in members.items()}
        with self._lock:
            self._seen = {node_id: seen for node_id, seen in self._seen.items() if node_id in members}
        return silence
