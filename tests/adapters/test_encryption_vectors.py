"""The primitives of encryption against the public vectors of Wycheproof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

DATA = Path(__file__).parents[1] / "data" / "wycheproof"


def vectors(name: str) -> list[Any]:
    return [pytest.param(each, id=str(each["tcId"])) for each in json.loads((DATA / name).read_text())["tests"]]


@pytest.mark.parametrize("vector", vectors("aes_256_gcm.json"))
def test_sealing_of_frames(vector: dict[str, str]) -> None:
    key, nonce, associated, message, sealed, tag = (
        bytes.fromhex(vector[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
    )
    cipher = AESGCM(key)
    if vector["result"] == "valid":
        assert cipher.encrypt(nonce, message, associated) == sealed + tag
        assert cipher.decrypt(nonce, sealed + tag, associated) == message
    else:
        with pytest.raises(InvalidTag):
            cipher.decrypt(nonce, sealed + tag, associated)


@pytest.mark.parametrize("vector", vectors("aes_256_wrap.json"))
def test_wrapping_of_keys(vector: dict[str, str]) -> None:
    key, message, wrapped = (bytes.fromhex(vector[name]) for name in ("key", "msg", "ct"))
    if vector["result"] == "invalid":
        with pytest.raises((InvalidUnwrap, ValueError)):
            aes_key_unwrap(key, wrapped)
    elif len(message) >= 16:
        assert (aes_key_wrap(key, message), aes_key_unwrap(key, wrapped)) == (wrapped, message)
    else:
        # RFC 3394 allows keys from two blocks on; the library refuses shorter ones, and ours have four.
        with pytest.raises(ValueError, match="must be at least 16"):
            aes_key_wrap(key, message)
