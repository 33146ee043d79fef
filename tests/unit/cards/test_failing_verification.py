"""A session that cannot be read: the others are verified meanwhile."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.services.cards.verification import VERIFICATIONS, Verification, is_void
from files_service.services.files import require
from files_service.worker import card_verifier
from files_service.worker.card_verifier import CardVerifier
from storage_adapters import Document, StorageUnavailable, SupportsDocuments
from tests.clocks import Clock
from tests.cores import call
from tests.unit.cards.scenes import verifying


def test_a_session_that_cannot_be_read_keeps_no_other_back(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    core = replace(core, clock=clock, timer=clock)
    broken = verifying(core, 1, 2)
    clock.pass_seconds(1)
    other = verifying(core, 2, 2)
    verifier = CardVerifier(core, holder="one")
    tried: list[str] = []

    def fail(core: Core, work: Verification) -> bool:
        tried.append(work.session_id)
        if work.session_id == broken:
            raise StorageUnavailable("a document cannot be read")
        return is_void(core, work)

    with monkeypatch.context() as patch:
        patch.setattr(card_verifier, "is_void", fail)
        with pytest.raises(StorageUnavailable):
            verifier.step()
        assert call(core, "cards.session", session_id=other)["state"] == "not_safe"
        verifier.step()
        assert tried == [broken, other], "a failure makes the loop wait: it comes seldom"
        clock.pass_seconds(1)
        with pytest.raises(StorageUnavailable):
            verifier.step()
    clock.pass_seconds(60)
    verifier.step()
    assert call(core, "cards.session", session_id=broken)["state"] == "not_safe"


def test_many_sessions_that_cannot_be_read_do_not_hide_another_one(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    core = replace(core, clock=clock, timer=clock)
    monkeypatch.setattr(card_verifier, "SESSIONS_AT_ONCE", 2)
    broken = []
    for number in range(3):
        broken.append(verifying(core, 3 * number + 1, 3 * number + 2))
        clock.pass_seconds(1)
    other = verifying(core, 11, 2)
    verifier = CardVerifier(core, holder="one")

    def fail(core: Core, work: Verification) -> bool:
        if work.session_id in broken:
            raise StorageUnavailable("a document cannot be read")
        return is_void(core, work)

    monkeypatch.setattr(card_verifier, "is_void", fail)
    for _ in range(3):
        with suppress(StorageUnavailable):
            verifier.step()
    assert call(core, "cards.session", session_id=other)["state"] == "not_safe"


def test_a_verification_that_nobody_can_read_stops_no_other(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """Another version of the service has written it, which goes on with it."""
    foreign = Document(collection=VERIFICATIONS, document_id="a", body={"new": 1}, updated_at=0)
    require(core.metadata, SupportsDocuments).put_document(foreign, expected_revision=0)
    session_id = verifying(core, 1, 2)
    CardVerifier(core, holder="one").step()
    assert call(core, "cards.session", session_id=session_id)["state"] == "not_safe"
    assert "a verification cannot be read" in caplog.messages
