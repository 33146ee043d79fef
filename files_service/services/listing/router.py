"""Which store answers a list: the list store when it can, else the primary. Writes and point reads do not come here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from files_service.services.listing.list_store import ListStore, NotUsable
from storage_adapters import MetadataStore, SupportsChanges

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Generic[T]):
    """An answer, the name of the store that gave it, and a token of the changes that it includes."""

    answer: T
    served_by: str
    change_token: str | None


class Lists:
    """Routes lists, counts and reports. May be used by several threads."""

    def __init__(self, primary: MetadataStore, primary_name: str, second: ListStore | None = None) -> None:
        self.second = second
        self._primary = primary
        self._primary_name = primary_name
        # Two stores of one scheme must not look like one.
        self._second_name = "" if second is None else second.name + "-lists" * (second.name == primary_name)
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._fallbacks: Counter[str] = Counter()

    def ask(
        self, question: Callable[[MetadataStore], T], *, min_change: str | None = None, strong: bool = False
    ) -> Answered[T]:
        """Answer from the list store, or from the primary: also when the answer must include what only that has.

        Raises what the question raises there.
        """
        if self.second is not None and not strong:
            try:
                answer, token = self.second.ask(question, min_change)
            except NotUsable as unusable:
                self._count(self._fallbacks, unusable.reason)
            else:
                self._count(self._answers, self._second_name)
                return Answered(answer=answer, served_by=self._second_name, change_token=token)
        # Asked before the page is read: the page includes at least what came before this change.
        last = f"@{self._primary.last_sequence()}" if isinstance(self._primary, SupportsChanges) else None
        answer = question(self._primary)
        self._count(self._answers, self._primary_name)
        return Answered(answer=answer, served_by=self._primary_name, change_token=last)

    def answers(self) -> dict[str, int]:
        """How many answers each store gave."""
        with self._lock:
            return dict(self._answers)

    def fallbacks(self) -> dict[str, int]:
        """How often the primary had to answer, by reason."""
        with self._lock:
            return dict(self._fallbacks)

    def close(self) -> None:
        """Close the list store; the primary is its owner's to close."""
        if self.second is not None:
            self.second.close()

    def _count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            counter[name] += 1
