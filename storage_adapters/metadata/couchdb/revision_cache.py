"""Cache of revisions seen lately, so that documents need not be read before a write. May be out of date."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A bounded dict that drops its oldest entries."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, document_id: str) -> Value | None:
        """Return the cached value, or None."""
        with self._lock:
            return self._values.get(document_id)

    def put(self, document_id: str, value: Value) -> None:
        """Remember what was seen."""
        with self._lock:
            self._values[document_id] = value
            self._values.move_to_end(document_id)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def forget(self, document_id: str) -> None:
        """Forget what turned out to be out of date."""
        with self._lock:
            self._values.pop(document_id, None)
