"""The port of keys under which the data keys of blobs are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

KEY_BYTES = 32
NAME_BYTES = 32


class NamedKey(NamedTuple):
    """A key of ``KEY_BYTES`` bytes and its name: 1 to ``NAME_BYTES`` ASCII characters without a space."""

    name: str
    key: bytes

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"NamedKey({self.name!r})"


class TenantKeys(ABC):
    """Keys of tenants. Each blob has a data key of its own, which is stored beside it, wrapped by one of these."""

    @abstractmethod
    def current(self, key: str) -> NamedKey:
        """Return the key that wraps the data key of a new blob with this key. Raises KeyUnavailable."""

    @abstractmethod
    def find(self, name: str) -> NamedKey:
        """Return the key of this name. Raises KeyUnavailable when it was deleted or cannot be opened."""
