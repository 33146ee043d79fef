"""Keys of tenants for tests of encryption."""

from __future__ import annotations

import secrets

from storage_adapters import KeyUnavailable, NamedKey, TenantKeys


class KeysOfTests(TenantKeys):
    """One key for each first segment of a blob's key; any can be deleted."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def current(self, key: str) -> NamedKey:
        """See ``TenantKeys``."""
        name = key.partition("/")[0][:32]
        return NamedKey(name, self.keys.setdefault(name, secrets.token_bytes(32)))

    def find(self, name: str) -> NamedKey:
        """See ``TenantKeys``."""
        if name not in self.keys:
            raise KeyUnavailable(f"the key {name} was deleted")
        return NamedKey(name, self.keys[name])
