"""Router of lists, counts and reports: the list store answers when it can, else the primary."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from files_service.services.listing.list_store import ListStore, NotUsable
from storage_adapters import MetadataStore, Page, SupportsChanges

T = TypeVar("T")

logger = logging.getLogger(__name__)
SHOWN_IDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Generic[T]):
    """An answer, the name of the store that gave it, and a token of the changes that it includes."""

    answer: T
    served_by: str
    change_token: str | None


class Lists:
    """Router of lists, counts and reports. Thread-safe."""

    def __init__(self, primary: MetadataStore, primary_name: str, second: ListStore | None = None) -> None:
        self.second = second
        self._primary = primary
        self._primary_name = primary_name
        # Two stores of one scheme need different names in metrics and answers.
        self._second_name = "" if second is None else second.name + "-lists" * (second.name == primary_name)
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._fallbacks: Counter[str] = Counter()
        self._unreadable = 0

    def ask(
        self,
        question: Callable[[MetadataStore], T],
        *,
        index: str,
        min_change: str | None = None,
        strong: bool = False,
    ) -> Answered[T]:
        """Answer from the list store if it includes ``min_change``, else, or when ``strong``, from the primary.

        ``index`` names what the question reads: the field of an order, or "usage". Raises the errors of the question.
        """
        if self.second is not None and not strong:
            try:
                answer, token = self.second.ask(question, index=index, min_change=min_change)
            except NotUsable as unusable:
                self._count(self._fallbacks, unusable.reason)
            else:
                self._count(self._answers, self._second_name)
                return Answered(answer=answer, served_by=self._second_name, change_token=token)
        # Read before the page, so that the page includes all changes up to this one.
        last = f"@{self._primary.last_sequence()}" if isinstance(self._primary, SupportsChanges) else None
        answer = question(self._primary)
        self._count(self._answers, self._primary_name)
        return Answered(answer=answer, served_by=self._primary_name, change_token=last)

    def answers(self) -> dict[str, int]:
        """Return the number of answers by store."""
        with self._lock:
            return dict(self._answers)

    def note_unreadable(self, page: Page) -> None:
        """Count and log the files that a page passed over; there are none but after a later version wrote."""
        if not page.unreadable:
            return
        with self._lock:
            self._unreadable += len(page.unreadable)
        extra = {"files": len(page.unreadable), "file_ids": list(page.unreadable[:SHOWN_IDS])}
        logger.warning("a list passed over files with values of a later version", extra=extra)

    @property
    def unreadable(self) -> int:
        """Number of files that lists passed over."""
        with self._lock:
            return self._unreadable

    def fallbacks(self) -> dict[str, int]:
        """Return the number of fallbacks to the primary by reason."""
        with self._lock:
            return dict(self._fallbacks)

    def close(self) -> None:
        """Close the list store, but not the primary, which this router does not own."""
        if self.second is not None:
            self.second.close()

    def _count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            counter[name] += 1
