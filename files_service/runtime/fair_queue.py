"""Queue of work that is shared fairly by owners."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items by owner. The owner with the fewest items in work is next; no owner has more than ``limit`` in work.

    With more threads than ``limit``, one owner's long items leave a thread to the others.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The owner served last is at the end.
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._in_work: Counter[str] = Counter()
        self._lock = Lock()

    def put(self, owner: str, item: T) -> None:
        """Append an item of an owner."""
        with self._lock:
            self._waiting.setdefault(owner, deque()).append(item)

    def length(self, owner: str) -> int:
        """Return the number of items of an owner, waiting and in work."""
        with self._lock:
            return len(self._waiting.get(owner, ())) + self._in_work[owner]

    def take(self) -> tuple[str, T] | None:
        """Take the next item into work; return it with its owner, None when no item may be taken."""
        with self._lock:
            owner = min(self._waiting, key=self._in_work.__getitem__, default=None)
            if owner is None or self._in_work[owner] >= self._limit:
                return None
            self._in_work[owner] += 1
            items = self._waiting.pop(owner)
            item = items.popleft()
            if items:
                self._waiting[owner] = items
            return owner, item

    def done(self, owner: str) -> None:
        """Note that an item of the owner is out of work."""
        with self._lock:
            self._in_work[owner] -= 1
            if not self._in_work[owner]:
                del self._in_work[owner]
