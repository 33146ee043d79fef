"""Signed receipts: what the service vouches for, in a form that is verified without it.

A receipt is canonical JSON (sorted keys, UTF-8, no white space) signed by Ed25519 (RFC 8032). The key is derived from
the signing key of the installation by HKDF (RFC 5869), so that all processes have the same one and none is stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FORMAT = "files-service receipt 1"
MAX_BYTES = 64 * 2**20
_INFO = b"files-service receipts 1"


class BadReceipt(ValueError):
    """The receipt is damaged, altered, or signed by another key."""


class ReceiptSigner:
    """Signer with the key of one installation."""

    def __init__(self, signing_key: str) -> None:
        seed = HKDF(SHA256(), length=32, salt=None, info=_INFO).derive(signing_key.encode())
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """The key that verifies, in base64."""
        return _text(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return the receipt of a content: ``receipt``, ``signature`` and ``key``."""
        receipt = {**content, "format": FORMAT}
        return {"receipt": receipt, "signature": _text(self._key.sign(canonical(receipt))), "key": self.public_key}


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def verified(data: bytes, *, key: str = "") -> tuple[dict[str, Any], str]:
    """Return the content of a signed receipt and the public key in base64 that signed it.

    Without ``key``, which is the public key to trust, the receipt is verified by the key that it names: this finds
    damage, and says nothing about the signer. Raises BadReceipt.
    """
    if len(data) > MAX_BYTES:
        raise BadReceipt(f"the receipt has more than {MAX_BYTES} bytes")
    try:
        signed = orjson.loads(data)
        receipt, signature, named = signed["receipt"], _bytes(signed["signature"]), signed["key"]
        public = Ed25519PublicKey.from_public_bytes(_bytes(named))
    except (ValueError, TypeError, KeyError):
        raise BadReceipt("this is no receipt: it has not the three fields receipt, signature and key") from None
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        raise BadReceipt(f"the format is not {FORMAT!r}")
    if key and key != named:
        raise BadReceipt(f"the receipt is signed by the key {named}, not by {key}")
    try:
        public.verify(signature, canonical(receipt))
    except InvalidSignature:
        raise BadReceipt("the signature does not match: the receipt was altered") from None
    return receipt, named


def fingerprint(key: str) -> str:
    """Return a short name of a public key, to compare by eye."""
    digest = hashlib.sha256(_bytes(key)).hexdigest()[:32]
    return ":".join(digest[place : place + 4] for place in range(0, len(digest), 4))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
