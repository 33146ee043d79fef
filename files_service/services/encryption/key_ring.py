"""The keys of the installation, which wrap the keys of tenants."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from storage_adapters import KEY_BYTES, KeyUnavailable

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,32}):(?P<key>[A-Za-z0-9+/=_-]+)")


class BadKeyRing(ValueError):
    """The text does not describe keys; the message names the entry and never shows a key."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by name. The first one wraps new keys, all of them unwrap."""

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read entries ``name:key``, apart by commas or white space; a key is ``KEY_BYTES`` bytes in base64.

        Raises BadKeyRing.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.replace(",", " ").split(), start=1):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise BadKeyRing(f"entry {number} is not name:key, with the key in base64")
            key = _decoded(match["key"])
            if key is None or len(key) != KEY_BYTES:
                raise BadKeyRing(f"the key {match['name']} is not {KEY_BYTES} bytes in base64")
            if match["name"] in keys:
                raise BadKeyRing(f"the name {match['name']} comes twice")
            keys[match["name"]] = key
        if not keys:
            raise BadKeyRing("there is no key")
        return cls(keys)

    @property
    def current(self) -> str:
        """The name of the key that wraps new keys."""
        return next(iter(self.keys))

    def wrap(self, key: bytes) -> str:
        """Wrap a key with the current one (RFC 3394); return it in base64."""
        return base64.b64encode(aes_key_wrap(self.keys[self.current], key)).decode()

    def unwrap(self, name: str, wrapped: str) -> bytes:
        """Unwrap what the key ``name`` wrapped. Raises KeyUnavailable."""
        if name not in self.keys:
            raise KeyUnavailable(f"the key {name!r} is not in FILES_ENCRYPTION_KEYS")
        try:
            return aes_key_unwrap(self.keys[name], base64.b64decode(wrapped, validate=True))
        except (InvalidUnwrap, ValueError):
            raise KeyUnavailable(f"the key {name!r} in FILES_ENCRYPTION_KEYS is another than before") from None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return None
