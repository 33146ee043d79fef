"""A bound on the bytes of many senders together: who would go beyond it waits. Used by the loop's thread alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


class Holder(ABC):
    """Who takes from a budget."""

    @abstractmethod
    def go_on(self, share: Share) -> None:
        """A share that had to wait need not wait any more."""

    @abstractmethod
    def hurry(self, share: Share) -> None:
        """Others wait, and this share has been held for long."""


@dataclass(slots=True, eq=False)
class Share:
    """Bytes of a budget; ``since`` is when they were had, None while they are waited for."""

    budget: Budget
    size: int
    holder: Holder
    since: float | None = None


class Budget:
    """So many bytes, first come, first served: nobody who needs little gets past somebody who needs much."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self.taken = 0
        self._clock = clock
        self._held: dict[Share, None] = {}
        self._waiting: deque[Share] = deque()

    def take(self, size: int, holder: Holder) -> Share:
        """Take bytes, at most all there are; where they are not free, the share waits for them."""
        share = Share(self, min(size, self.most), holder)
        self._waiting.append(share)
        if len(self._waiting) == 1 and self._fits(share):
            self._waiting.popleft()
            self._have(share)
        return share

    def give_back(self, share: Share) -> None:
        """The share is not needed any more, or was not worth waiting for. Doing it again is harmless."""
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
        """Tell the holders of all shares that have been held since before that time, while others wait."""
        for share in list(self._held):
            if self._waiting and share.since is not None and share.since < before:
                share.holder.hurry(share)

    def _fits(self, share: Share) -> bool:
        return self.taken + share.size <= self.most

    def _have(self, share: Share) -> None:
        share.since = self._clock()
        self.taken += share.size
        self._held[share] = None
