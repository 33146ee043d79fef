"""A memory budget that senders share fairly; one that exceeds it waits. For use in the event loop's thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
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
    """Bytes of a budget; ``since`` is the time at which they were granted, None while the share waits.

    ``users`` are the owner and the peer for whom they are.
    """

    budget: MemoryBudget
    size: int
    holder: Holder
    users: tuple[str, ...] = ()
    since: float | None = None


class MemoryBudget:
    """A number of bytes, shared by users: the one with the fewest is next, and of equals the first.

    No later share of a user takes the last ``reserve`` bytes, which are for those without any. A small share never
    overtakes a large one that is next.
    """

    def __init__(self, most: int, clock: Callable[[], float], *, reserve: int = 0) -> None:
        self.most, self._reserve = most, reserve
        self.taken = 0
        self._clock = clock
        self._held: dict[Share, None] = {}
        self._of: Counter[str] = Counter()
        self._waiting: list[Share] = []

    def take(self, size: int, holder: Holder, *users: str) -> Share:
        """Take bytes, at most the whole budget; the share waits while they are not free."""
        share = Share(self, min(size, self.most), holder, users)
        self._waiting.append(share)
        self._grant(share)
        return share

    def give_back(self, share: Share) -> None:
        """Release a share, granted or waiting. Idempotent."""
        if share in self._held:
            del self._held[share]
            self.taken -= share.size
            self._of.subtract(dict.fromkeys(share.users, share.size))
            self._of += Counter()
        elif share in self._waiting:
            self._waiting.remove(share)
            share.holder.go_on(share)
        self._grant()

    def hurry(self, before: float) -> None:
        """Call ``hurry`` of the holders whose shares were granted before that time, while others wait."""
        for share in list(self._held):
            if self._waiting and share.since is not None and share.since < before:
                share.holder.hurry(share)

    def _grant(self, new: Share | None = None) -> None:
        """Grant what fits; a new share has not waited."""
        while self._waiting:
            share = min(self._waiting, key=self._bytes_of_users)
            if not self._fits(share):
                return
            self._waiting.remove(share)
            share.since = self._clock()
            self.taken += share.size
            self._of.update(dict.fromkeys(share.users, share.size))
            self._held[share] = None
            if share is not new:
                share.holder.go_on(share)

    def _bytes_of_users(self, share: Share) -> int:
        return max((self._of[user] for user in share.users), default=0)

    def _fits(self, share: Share) -> bool:
        reserve = self._reserve if self._bytes_of_users(share) else 0
        return self.taken + share.size + reserve <= self.most
