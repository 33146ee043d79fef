"""The stored form of an encrypted blob: frames of sealed bytes, and a footer that says how to open them.

A frame is ``FRAME`` bytes of content (the last one fewer) under AES-256-GCM, followed by its tag of 16 bytes. The nonce
is the number of the frame: the data key is made for one blob, and a blob is written once, so no nonce comes twice under
one key. The footer has ``FOOTER`` bytes: the wrapped data key (RFC 3394), the name of the key that wraps it, a sealed
description (size, content type, checksums, generation) under a nonce of its own, and ``MAGIC``. The description says
how long the content is, so bytes that are cut off or added are noticed. A range is read from its frames alone.

AES-GCM: NIST SP 800-38D.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from storage_adapters.ports.keys import KEY_BYTES, NAME_BYTES, NamedKey, TenantKeys

CONTENT_TYPE = "application/vnd.files-service.encrypted"
# Memory for frames of 256 KiB and more may be mapped anew for each, which costs more than opening them.
FRAME = 128 * 1024
TAG = 16
SEALED_FRAME = FRAME + TAG
FOOTER = 1024
MAGIC = b"FILES\x00\x01\n"

_WRAPPED = KEY_BYTES + 8
_HEAD = _WRAPPED + NAME_BYTES
_DESCRIPTION = FOOTER - _HEAD - TAG - len(MAGIC)
_CONTENT, _FOOTER = 0, 1
_CHECKSUMS = ("md5", "crc32c", "sha256")


class Damaged(Exception):
    """The stored bytes are not those that were sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Facts about the content, sealed in the footer; ``generation`` only of a blob that took another's place."""

    size: int
    content_type: str
    md5: str | None = None
    crc32c: str | None = None
    sha256: str | None = None
    generation: str | None = None

    @property
    def checksums(self) -> dict[str, str | None]:
        """The checksums of the content."""
        return {name: getattr(self, name) for name in _CHECKSUMS}


@dataclass(frozen=True, slots=True)
class Footer:
    """An opened footer."""

    description: Description
    key_name: str
    cipher: AESGCM = field(repr=False)


def stored_size(size: int) -> int:
    """Return the stored size of a content of ``size`` bytes."""
    return size + TAG * -(-size // FRAME) + FOOTER


def content_size(stored: int) -> int:
    """Return the size of the content of a blob of ``stored`` bytes, if it is whole."""
    sealed = max(0, stored - FOOTER)
    return max(0, sealed - TAG * -(-sealed // SEALED_FRAME))


def seal_frame(cipher: AESGCM, number: int, content: bytes | bytearray | memoryview) -> bytes:
    """Seal one frame."""
    return cipher.encrypt(_nonce(_CONTENT, number), content, None)


def seal_frame_into(cipher: AESGCM, number: int, content: memoryview, target: memoryview) -> None:
    """Seal one frame into ``target``, which has ``TAG`` bytes more."""
    cipher.encrypt_into(_nonce(_CONTENT, number), content, None, target)


def open_frame(cipher: AESGCM, number: int, sealed: bytes | bytearray | memoryview) -> bytes:
    """Open one frame. Raises Damaged."""
    try:
        return cipher.decrypt(_nonce(_CONTENT, number), sealed, None)
    except InvalidTag:
        raise Damaged(f"frame {number} was altered") from None


def make_footer(data_key: bytes, key: NamedKey, description: Description) -> bytes:
    """Seal the footer of a blob."""
    head = aes_key_wrap(key.key, data_key) + key.name.encode("ascii").ljust(NAME_BYTES)
    facts = {name: value for name in Description.__slots__ if (value := getattr(description, name)) is not None}
    text = orjson.dumps(facts).ljust(_DESCRIPTION)
    if len(text) > _DESCRIPTION or len(head) > _HEAD:
        raise ValueError("the description of the blob is too long")
    return head + AESGCM(data_key).encrypt(_nonce(_FOOTER, 0), text, head) + MAGIC


def open_footer(stored: bytes, keys: TenantKeys) -> Footer:
    """Open a footer. Raises Damaged, KeyUnavailable."""
    if len(stored) != FOOTER or not stored.endswith(MAGIC):
        raise Damaged("the blob has no footer")
    head = stored[:_HEAD]
    try:
        name = head[_WRAPPED:].decode("ascii").rstrip()
        data_key = aes_key_unwrap(keys.find(name).key, head[:_WRAPPED])
        cipher = AESGCM(data_key)
        text = cipher.decrypt(_nonce(_FOOTER, 0), stored[_HEAD : -len(MAGIC)], head)
    except (InvalidTag, InvalidUnwrap, UnicodeDecodeError):
        raise Damaged("the footer was altered") from None
    facts: dict[str, Any] = orjson.loads(text)
    known = {name: value for name, value in facts.items() if name in Description.__slots__}
    return Footer(Description(**known), name, cipher)


def _nonce(kind: int, number: int) -> bytes:
    return struct.pack(">IQ", kind, number)
