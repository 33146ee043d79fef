"""SHA-256 and xxh64 of a whole file, whose state can be stored, so that another process hashes on.

``hashlib`` and ``xxhash`` show no state. The libraries that they call keep it in plain memory without pointers, and so
it is copied as it is. Only the same libraries restore it; where they are not found, there is no state. A state that is
wrong can only make the hashes differ from those that are expected.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import hashlib
import platform
import ssl
from functools import cache
from importlib import import_module
from typing import Any

import xxhash

# SHA256_CTX has 112 bytes and XXH64_state_t 88.
_ROOM = 256
_VERSIONS = f"{platform.machine()} {ssl.OPENSSL_VERSION} xxHash {xxhash.XXHASH_VERSION} "


class FileHashes:
    """Both hashes of the bytes so far."""

    def __init__(self) -> None:
        self._hashes: _Native | _Plain = _Native(*_libraries()) if is_resumable() else _Plain()

    @classmethod
    def restored(cls, state: str) -> FileHashes | None:
        """Return the hashes with a stored state, None where it cannot be restored."""
        made = cls()
        if not state.startswith(_VERSIONS) or not isinstance(made._hashes, _Native):
            return None
        try:
            memory = base64.b64decode(state.removeprefix(_VERSIONS), validate=True)
        except binascii.Error:
            return None
        if len(memory) != 2 * _ROOM:
            return None
        made._hashes.restore(memory)
        return made

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._hashes.update(data)

    def digests(self) -> list[str]:
        """Return the SHA-256 and the xxh64 so far, in hex."""
        return self._hashes.digests()

    def state(self) -> str | None:
        """Return the state as text, None where there is none."""
        return (
            _VERSIONS + base64.b64encode(self._hashes.state()).decode() if isinstance(self._hashes, _Native) else None
        )


@cache
def is_resumable() -> bool:
    """Return True when the libraries are there, and hash on from a stored state as they should."""
    try:
        first, second = _Native(*_libraries()), _Native(*_libraries())
    except (ImportError, AttributeError, OSError):
        return False
    data = bytes(range(256)) * 4
    first.update(data[:333])
    second.restore(first.state())
    second.update(data[333:])
    return second.digests() == [hashlib.sha256(data).hexdigest(), xxhash.xxh64_hexdigest(data)]


class _Plain:
    """The hashes without a state."""

    def __init__(self) -> None:
        self._both: tuple[Any, Any] = (hashlib.sha256(), xxhash.xxh64())

    def update(self, data: bytes) -> None:
        for each in self._both:
            each.update(data)

    def digests(self) -> list[str]:
        return [each.hexdigest() for each in self._both]


class _Native:
    """The hashes in memory of our own."""

    def __init__(self, sha256: ctypes.CDLL, xxh64: ctypes.CDLL) -> None:
        self._sha256, self._xxh64 = sha256, xxh64
        self._memory = ctypes.create_string_buffer(2 * _ROOM)
        sha256.SHA256_Init(self._place(0))
        xxh64.XXH64_reset(self._place(_ROOM), ctypes.c_uint64(0))

    def update(self, data: bytes) -> None:
        size = ctypes.c_size_t(len(data))
        self._sha256.SHA256_Update(self._place(0), ctypes.c_char_p(data), size)
        self._xxh64.XXH64_update(self._place(_ROOM), ctypes.c_char_p(data), size)

    def digests(self) -> list[str]:
        before, found = self.state(), ctypes.create_string_buffer(32)
        self._sha256.SHA256_Final(found, self._place(0))
        self.restore(before)
        return [found.raw.hex(), f"{self._xxh64.XXH64_digest(self._place(_ROOM)):016x}"]

    def state(self) -> bytes:
        return self._memory.raw

    def restore(self, state: bytes) -> None:
        self._memory.raw = state

    def _place(self, start: int) -> Any:
        return ctypes.byref(self._memory, start)


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """Return the libraries by way of the modules that are linked with them. Raises AttributeError, OSError."""
    found = [ctypes.CDLL(getattr(import_module(name), "__file__", None)) for name in ("_hashlib", "xxhash._xxhash")]
    for library, names in zip(found, (("SHA256_Init", "SHA256_Update", "SHA256_Final"), _XXH64), strict=True):
        for name in names:
            getattr(library, name).restype = ctypes.c_int
    found[1].XXH64_digest.restype = ctypes.c_uint64
    return found[0], found[1]


_XXH64 = ("XXH64_reset", "XXH64_update", "XXH64_digest")
