"""Signed receipts, verified without the service."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.services.receipts import BadReceipt, ReceiptSigner, canonical, fingerprint, verified
from tests.unit.cli.running import run

SIGNER = ReceiptSigner("k" * 32)
CONTENT: dict[str, Any] = {
    "session_id": "s1",
    "card_id": "c1",
    "signed_at": 1_790_000_000_000,
    "verdict": {"text": "SAFE TO FORMAT: 1 files"},
    "files": 1,
    "bytes": 4,
    "files_sha256": sha256(f"DCIM/a.mp4\0{4}\0{sha256(b'clip').hexdigest()}\n".encode()).hexdigest(),
}


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(SIGNER.sign(CONTENT), indent=2), encoding="utf-8")
    return path


def test_a_receipt_is_verified_whatever_its_white_space(receipt: Path) -> None:
    content, key = verified(receipt.read_bytes())
    assert (content, key) == ({**CONTENT, "format": "files-service receipt 1"}, SIGNER.public_key)
    assert verified(receipt.read_bytes(), key=SIGNER.public_key)[1] == key


def test_processes_with_one_signing_key_sign_alike() -> None:
    assert ReceiptSigner("k" * 32).sign(CONTENT) == SIGNER.sign(CONTENT)
    assert ReceiptSigner("l" * 32).public_key != SIGNER.public_key


@given(st.data())
def test_each_altered_byte_is_noticed(data: st.DataObject) -> None:
    signed = json.dumps(SIGNER.sign(CONTENT)).encode()
    place = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != signed[place]))
    altered = signed[:place] + bytes([other]) + signed[place + 1 :]
    try:
        content, _ = verified(altered, key=SIGNER.public_key)
    except BadReceipt:
        return
    # White space that became other white space, or an escape of the same character.
    assert canonical(content) == canonical({**CONTENT, "format": "files-service receipt 1"})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"receipt": 1, "signature": "x", "key": "y"}', "\xff", '{"receipt": {}, "key": 5}']
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(BadReceipt, match="no receipt"):
        verified(text.encode("latin-1"))


def test_a_receipt_of_another_key_is_refused() -> None:
    forged = json.dumps(ReceiptSigner("other" * 8).sign(CONTENT)).encode()
    assert verified(forged)[0]["card_id"] == "c1"
    with pytest.raises(BadReceipt, match="signed by the key"):
        verified(forged, key=SIGNER.public_key)


def test_the_command_verifies_the_receipt_and_a_folder(receipt: Path, tmp_path: Path) -> None:
    shown = run({}, "verify-receipt", receipt)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0] == "SAFE TO FORMAT: 1 files"
    assert f"signed by {SIGNER.public_key} ({fingerprint(SIGNER.public_key)}): compare" in shown.stdout
    as_json = run({}, "verify-receipt", receipt, "--key", SIGNER.public_key, "--json")
    # Standard output is the receipt alone, for scripts.
    assert (as_json.exit_code, json.loads(as_json.stdout)["card_id"]) == (0, "c1")
    assert as_json.stderr.startswith("signed by ")
    tree = tmp_path / "tree"
    (tree / "DCIM").mkdir(parents=True)
    (tree / "ascmhl").mkdir()
    (tree / "ascmhl" / "0001_card.mhl").write_bytes(b"manifest")
    for content in (None, b"clap", b"clips"):
        if content is not None:
            (tree / "DCIM" / "a.mp4").write_bytes(content)
        differs = run({}, "verify-receipt", receipt, "--tree", tree)
        assert (differs.exit_code, "differs from the receipt" in differs.stderr) == (1, True)
        assert "The receipt names no files" in differs.stderr
    (tree / "DCIM" / "a.mp4").write_bytes(b"clip")
    assert "1 file as in the receipt" in run({}, "verify-receipt", receipt, "--tree", tree).stdout
    (tree / "DCIM" / "more.mp4").write_bytes(b"")
    assert run({}, "verify-receipt", receipt, "--tree", tree).exit_code == 1


def test_the_command_refuses_an_altered_receipt(receipt: Path) -> None:
    receipt.write_text(receipt.read_text(encoding="utf-8").replace("SAFE", "safe"), encoding="utf-8")
    refused = run({}, "verify-receipt", receipt)
    assert (refused.exit_code, "was altered" in refused.stderr) == (1, True)
