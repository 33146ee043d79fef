"""The receipt of a verdict, and the manifest of a session."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.mhl import C4, CHAIN, FOLDER, Generation, chain, manifest_name
from files_service.errors import NotFound, TooLarge, WrongStatus
from files_service.services.cards import proofs
from files_service.services.cards.proofs import manifest_of
from files_service.services.receipts import verified as verified_receipt
from tests.cores import call, refusal
from tests.servers.ascmhl import ascmhl_debug
from tests.unit.cards.scenes import OWNER, brought, bytes_of, copied, verified
from tests.unit.cli.running import run

PATHS = ("DCIM/100EOS/A.MP4", "DCIM/100EOS/B.MP4", "MISC/\u00fcber & <more>.txt")


@pytest.fixture
def session_id(core: Core) -> str:
    entries = [brought(core, path, chunked=path.endswith("B.MP4")) for path in PATHS]
    found: str = copied(core, entries)["session_id"]
    return found


def tree_of(root: Path) -> Path:
    for path in PATHS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(bytes_of(path))
    return root


def test_a_receipt_seals_the_verdict_and_all_files(core: Core, session_id: str, tmp_path: Path) -> None:
    verdict = verified(core, session_id)["verdict"]
    signed = call(core, "cards.receipt", session_id=session_id, actor=OWNER)
    content, key = verified_receipt(json.dumps(signed).encode())
    assert (content["verdict"], content["files"], content["bytes"]) == (verdict, 3, 900)
    assert call(core, "cards.receipt", session_id=session_id)["key"] == key
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(signed), encoding="utf-8")
    tree = tree_of(tmp_path / "tree")
    assert run({}, "verify-receipt", path, "--key", key, "--tree", tree).exit_code == 0
    # Looked at by a file manager.
    (tree / ".DS_Store").write_bytes(b"Bud1")
    assert "3 files as in the receipt" in run({}, "verify-receipt", path, "--tree", tree).stdout
    strange = tree / os.fsdecode(b"\xff.MP4")
    strange.write_bytes(b"")
    differs = run({}, "verify-receipt", path, "--tree", tree)
    assert (differs.exit_code, "it has 5 files" in differs.output) == (1, True)
    strange.unlink()
    (tree / PATHS[0]).write_bytes(b"?" * 300)
    assert run({}, "verify-receipt", path, "--key", key, "--tree", tree).exit_code == 1


def test_there_is_no_proof_without_a_verdict_and_none_for_strangers(core: Core, session_id: str) -> None:
    assert isinstance(refusal(core, "cards.receipt", session_id=session_id), WrongStatus)
    with pytest.raises(WrongStatus):
        manifest_of(core, OWNER, session_id, generation=1)
    verified(core, session_id)
    assert isinstance(refusal(core, "cards.receipt", session_id=session_id, actor="eve"), NotFound)
    with pytest.raises(NotFound):
        manifest_of(core, "eve", session_id, generation=1)


def test_the_reference_verifies_the_manifest_of_a_session(core: Core, session_id: str, tmp_path: Path) -> None:
    verified(core, session_id)
    tree = tree_of(tmp_path / "tree")
    (tree / FOLDER).mkdir()
    made = []
    for generation in (1, 2):
        text = "".join(manifest_of(core, OWNER, session_id, generation=generation)).encode()
        c4 = C4()
        c4.update(text)
        name = manifest_name(generation, "tree", core.clock())
        made.append(Generation(number=generation, name=name, c4=c4.text()))
        (tree / FOLDER / name).write_bytes(text)
        (tree / FOLDER / CHAIN).write_text(chain(made), encoding="utf-8")
        assert ascmhl_debug("verify", tree) == 0
    (tree / PATHS[1]).write_bytes(b"?" * 300)
    assert ascmhl_debug("verify", tree) == 11


def test_a_path_that_a_manifest_cannot_express_is_named(core: Core) -> None:
    session_id = copied(core, [brought(core, "DCIM/a\ufffe.MP4")])["session_id"]
    verified(core, session_id)
    with pytest.raises(WrongStatus, match="cannot express"):
        manifest_of(core, OWNER, session_id, generation=1)
    assert call(core, "cards.receipt", session_id=session_id)["receipt"]["files"] == 1


def test_the_manifest_is_one_answer_unless_it_is_too_long(
    core: Core, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified(core, session_id)
    answer = call(core, "cards.manifest", session_id=session_id, actor=OWNER, generation=2)
    pages = manifest_of(core, OWNER, session_id, generation=2)
    assert answer == {"session_id": session_id, "generation": 2, "manifest": "".join(pages)}
    monkeypatch.setattr(proofs, "MOST_MANIFEST_BYTES", len(answer["manifest"]) - 1)
    refused = refusal(core, "cards.manifest", session_id=session_id, actor=OWNER)
    assert isinstance(refused, TooLarge)
    assert isinstance(refusal(core, "cards.manifest", session_id=session_id, actor="bob"), NotFound)
