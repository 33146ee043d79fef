"""A memory budget that senders share; one that exceeds it waits. For use in the event loop's thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


class Holder(ABC):
    """A user of a budget."""

    @abstractmethod
    def go_on(self, share: Share) -> None:
        """Continue: a share that waited has its bytes."""

    @abstractmethod
    def hurry(self, share: Share) -> None:
        """Release this share soon: it has been held for long, and others wait."""


@dataclass(slots=True, eq=False)
class Share:
    """Bytes of a budget; ``since`` is the time at which they were granted, None while the share waits."""

    budget: MemoryBudget
    size: int
    holder: Holder
    since: float | None = None


class MemoryBudget:
    """A number of bytes, granted first come, first served: a small share never overtakes a large one."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self.taken = 0
        self._clock = clock
        self._held: dict[Share, None] = {}
        self._waiting: deque[Share] = deque()

    def take(self, size: int, holder: Holder) -> Share:
        """Take bytes, at most the whole budget; the share waits while they are not free."""
        share = Share(self, min(size, self.most), holder)
        self._waiting.append(share)
        if len(self._waiting) == 1 and self._fits(share):
            self._waiting.popleft()
            self._have(share)
        return share

    def give_back(self, share: Share) -> None:
        """Release a share, granted or waiting. Idempotent."""
        if share in self._held:
            del self._held[share]
            self.taken -= share.size
        elif share in self._waiting:
            self._waiting.remove(share)
            share.holder.go_on(share)
        while self._waiting and self._fits(self._waiting[0]):
            head = self._waiting.popleft()
            self._have(head)
            head.holder.go_on(head)

    def hurry(self, before: float) -> None:
        """Call ``hurry`` of the holders whose shares were granted before that time, while others wait."""
        for share in list(self._held):
            if self._waiting and share.since is not None and share.since < before:
                share.holder.hurry(share)

    def _fits(self, share: Share) -> bool:
        return self.taken + share.size <= self.most

    def _have(self, share: Share) -> None:
        share.since = self._clock()
        self.taken += share.size
        self._held[share] = None
