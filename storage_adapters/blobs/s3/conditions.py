"""Findings about a server: conditions of writes, and the order of its lists. Asked once per process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import Lock

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import NoConditions, OtherObject
from storage_adapters.blobs.s3.objects import OWN

_PROBES = ("probe", "probe-x", "probe/x")


class Conditions:
    """Findings about one bucket. With ``ask`` False its server knows no conditions."""

    def __init__(self, api: S3Api, name_of: Callable[[str], str], *, ask: bool) -> None:
        self._api, self._lock = api, Lock()
        self._names = [name_of(OWN + name) for name in _PROBES]
        self._are_kept: bool | None = None if ask else False
        self._is_tree: bool | None = None

    def are_kept(self) -> bool:
        """Return True when the server refuses to write over an object where the request forbids it."""
        with self._lock:
            if self._are_kept is None:
                # Where an earlier process has asked, the first answer says it.
                self._are_kept = self._refuses() or self._refuses()
            return self._are_kept

    def is_tree(self) -> bool:
        """Return True when lists go folder by folder, with ``a/b`` before ``a-b``; S3 has the order of bytes."""
        with self._lock:
            if self._is_tree is None:
                order = self._order()
                if set(order) != set(self._names):
                    for name in self._names:
                        self._put(name, over=None)
                    order = self._order()
                self._is_tree = order != sorted(self._names)
            return self._is_tree

    def _order(self) -> list[str]:
        return [name for name in self._api.listing(prefix=self._names[0], after="", limit=10) if name in self._names]

    def _refuses(self) -> bool:
        try:
            self._put(self._names[0], over="")
        except OtherObject:
            return True
        except NoConditions:
            pass
        return False

    def _put(self, name: str, *, over: str | None) -> None:
        sha256 = hashlib.sha256(b"probe").hexdigest()
        self._api.put(name, b"probe", sha256=sha256, content_type="text/plain", metadata={}, over=over)
