"""Chunks that owners of one tenant share where encryption is on: stored once, kept as long as anybody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.chunking import MAX_OWNER, PASSING_TOKEN, aside_key, chunk_key, domain_of_key, is_shared
from files_service.domain.uploads import owner_segment
from files_service.services.chunk_orphans import domain_of
from files_service.services.encryption.owners import OWNERS, assign_owner
from files_service.services.quarantine import held_bytes
from files_service.services.uploads import chunk_store
from files_service.services.uploads.concatenate import begin_joined, join
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin, find_upload
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import KeyUnavailable, SupportsDocuments
from tests.clocks import Clock
from tests.cores import call
from tests.unit.lost_bytes import chunked_file, scrub
from tests.unit.shared_chunks import (
    CHUNK,
    DATA,
    TENANTS,
    bytes_of,
    chunk_keys,
    encrypting_core,
    new_key,
    sweep_all,
    upload_of,
)

KEY = new_key()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with closing(encrypting_core(tmp_path, KEY)) as opened:
        yield opened


def sent(core: Core, owner: str, data: bytes = DATA) -> str:
    return str(chunked_file(core, data, owner)["file_id"])


def remove(core: Core, file_id: str) -> None:
    call(core, "files.remove", file_id=file_id)


def domain_for(core: Core, owner: str) -> str:
    return begin(core, Beginning(owner=owner, size=10)).chunk_domain


def test_owners_of_one_tenant_have_one_domain_and_no_two_tenants_have(core: Core) -> None:
    domains = {owner: domain_for(core, owner) for owner in (*TENANTS, "stranger", "nobody")}
    assert domains["ann@acme"] == domains["bob@acme"]
    assert domains["kim"] == domains["lea"]
    assert len({domains["ann@acme"], domains["eve@other"], domains["kim"]}) == 3
    assert domains["stranger"] == domains["nobody"] == ""
    assert all(is_shared(domains[owner]) for owner in TENANTS)


@pytest.mark.parametrize("name", ["", "0" * 32, "é" * 40])
def test_no_owner_is_called_as_a_domain_is(name: str) -> None:
    assert len(domain_of_key(name)) > MAX_OWNER
    assert is_shared(domain_of_key(name))
    assert not is_shared("x" * MAX_OWNER)


def test_bytes_are_stored_once_per_tenant_and_go_with_the_last_file(core: Core) -> None:
    anns, bobs = sent(core, "ann@acme"), sent(core, "bob@acme")
    assert len(chunk_keys(core)) == 2
    others = [sent(core, owner) for owner in ("eve@other", "kim", "stranger")]
    assert len(chunk_keys(core)) == 8
    remove(core, anns)
    sweep_all(core)
    assert len(chunk_keys(core)) == 8
    assert bytes_of(core, bobs) == DATA
    remove(core, bobs)
    sweep_all(core)
    assert len(chunk_keys(core)) == 6
    assert [bytes_of(core, each) for each in others] == [DATA] * 3


def test_a_copy_for_an_owner_of_the_tenant_shares_and_for_another_tenant_does_not(core: Core) -> None:
    file_id = sent(core, "ann@acme")
    copies = {
        owner: call(core, "files.clone", file_id=file_id, owner=owner)["file_id"]
        for owner in ("bob@acme", "eve@other", "stranger")
    }
    assert len(chunk_keys(core)) == 6
    domain = upload_of(core, file_id).domain
    assert [upload_of(core, each).domain == domain for each in copies.values()] == [True, False, False]
    remove(core, file_id)
    sweep_all(core)
    assert [bytes_of(core, each) for each in copies.values()] == [DATA] * 3


def test_what_came_before_the_tenant_stays_the_owners_and_copies_leave_it_there(core: Core) -> None:
    before = sent(core, "late")
    documents = core.metadata
    assert isinstance(documents, SupportsDocuments)
    assign_owner(documents, owner_segment("late"), "acme", now=core.clock())
    assert core.keys is not None
    core.keys._domains.clear()
    after = sent(core, "late")
    assert upload_of(core, before).domain == "late"
    assert upload_of(core, after).domain == domain_for(core, "ann@acme")
    copy = call(core, "files.clone", file_id=before, owner="late")["file_id"]
    assert len(chunk_keys(core)) == 4, "the copy needs no third"
    remove(core, before)
    sweep_all(core)
    assert len(chunk_keys(core)) == 2
    assert bytes_of(core, after) == bytes_of(core, copy) == DATA


def test_partial_uploads_of_two_domains_are_joined(core: Core) -> None:
    def partial(data: bytes) -> str:
        upload = begin(core, Beginning(owner="ann@acme", size=len(data), partial=True))
        with closing(Engine(core, uploads_of(core))) as engine:
            stream = Stream(engine, upload, 0)
            stream.write(data)
            stream.finish()
        return upload.upload_id

    first = partial(DATA)
    assert core.keys is not None
    core.keys.delete("acme")
    with pytest.raises(KeyUnavailable):
        list(core.blobs.get(chunk_keys(core)[0]))
    second, third = partial(DATA[:CHUNK]), partial(DATA[CHUNK:])
    assert find_upload(core, first, None).domain != find_upload(core, second, None).domain
    joined = begin_joined(core, Beginning(owner="ann@acme", size=None), [second, third], None)
    done = complete(core, UploadSession(join(core, joined)))
    assert done is not None
    assert bytes_of(core, done.record.file_id) == DATA


def test_partial_uploads_of_before_encryption_are_joined_into_the_domain(core: Core) -> None:
    plain = begin(core, Beginning(owner="stranger", size=CHUNK, partial=True))
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, plain, 0)
        stream.write(DATA[:CHUNK])
        stream.finish()
    documents = core.metadata
    assert isinstance(documents, SupportsDocuments)
    assign_owner(documents, owner_segment("stranger"), "acme", now=core.clock())
    assert core.keys is not None
    core.keys._domains.clear()
    core.keys._by_owner.clear()
    joined = begin_joined(core, Beginning(owner="stranger", size=None), [plain.upload_id], None)
    done = complete(core, UploadSession(join(core, joined)))
    assert done is not None
    assert is_shared(upload_of(core, done.record.file_id).domain)
    assert bytes_of(core, done.record.file_id) == DATA[:CHUNK]


def test_known_bytes_are_written_like_new_ones_and_leave_nothing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def noting(act: Any) -> Any:
        def write(core: Core, where: str, data: memoryview, object_id: str) -> None:
            written.append(len(data))
            act(core, where, data, object_id)

        return write

    for name in ("write_chunk", "write_in_vain"):
        monkeypatch.setattr(chunk_store, name, noting(getattr(chunk_store, name)))
    sent(core, "ann@acme")
    first, keys = sorted(written), chunk_keys(core)
    written.clear()
    sent(core, "bob@acme")
    assert sorted(written) == first
    assert chunk_keys(core) == keys


def test_a_key_that_was_deleted_ends_its_domain_and_the_next_upload_begins_another(core: Core) -> None:
    lost = sent(core, "ann@acme")
    kept = sent(core, "eve@other")
    domain = upload_of(core, lost).domain
    assert core.keys is not None
    assert core.keys.delete("acme")
    again = sent(core, "bob@acme")
    assert upload_of(core, again).domain != domain
    assert bytes_of(core, again) == bytes_of(core, kept) == DATA
    with pytest.raises(KeyUnavailable):
        bytes_of(core, lost)
    remove(core, lost)
    sweep_all(core)
    assert len(chunk_keys(core)) == 4
    assert bytes_of(core, again) == DATA


def test_an_open_upload_keeps_its_domain_while_the_key_changes(core: Core) -> None:
    upload = begin(core, Beginning(owner="ann@acme", size=len(DATA)))
    assert core.keys is not None
    assert core.keys.delete("acme")
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 0)
        stream.write(DATA)
        done = complete(core, UploadSession(stream.finish()))
    assert done is not None
    assert upload_of(core, done.record.file_id).domain == upload.domain
    assert bytes_of(core, done.record.file_id) == DATA


def test_the_scrub_repairs_for_all_owners_what_one_of_them_brings(core: Core) -> None:
    anns = sent(core, "ann@acme")
    core.blobs.delete(chunk_keys(core)[0])
    assert [found[:3] for found in scrub(core)] == [(anns, "p0", "missing")]
    bobs = sent(core, "bob@acme")
    assert scrub(core) == []
    assert bytes_of(core, anns) == bytes_of(core, bobs) == DATA


def test_each_owner_has_the_quota_of_its_own_files(tmp_path: Path) -> None:
    with closing(encrypting_core(tmp_path, KEY, owner_quota_bytes=2 * len(DATA))) as core:
        anns = sent(core, "ann@acme")
        sent(core, "bob@acme")
        for owner in ("ann@acme", "bob@acme"):
            assert core.metadata.usage(owner).bytes == len(DATA)
        remove(core, anns)
        assert (held_bytes(core, "ann@acme"), held_bytes(core, "bob@acme")) == (len(DATA), 0)
        assert core.metadata.usage("bob@acme").bytes == len(DATA)


def test_the_comparison_of_records_finds_orphans_of_a_domain_and_keeps_the_rest(core: Core) -> None:
    anns, bobs = sent(core, "ann@acme"), sent(core, "bob@acme")
    domain = upload_of(core, anns).domain
    passing = chunk_keys(core)[0].rpartition("-")[0] + "-" + "f" * PASSING_TOKEN
    core.blobs.put(passing, [DATA[:CHUNK]], content_type="a/b", now=core.clock(), declared={})
    clock = core.clock
    assert isinstance(clock, Clock)
    clock.pass_seconds(30 * 24 * 3_600)
    for _ in range(2):
        found = deep(core)
    assert found == []
    assert domain_of(core, owner_segment(domain)) == domain
    assert len(chunk_keys(core)) == 2
    assert bytes_of(core, anns) == bytes_of(core, bobs) == DATA


def deep(core: Core) -> list[str]:
    """Compare records and blobs in both directions; returns the keys that are named by nothing and left."""
    report, cursor = call(core, "files.sync", deep=True), None
    left: list[str] = list(report.get("unnamed", []))
    while report["next_cursor"] is not None and report["next_cursor"] != cursor:
        cursor = report["next_cursor"]
        report = call(core, "files.sync", deep=True, cursor=cursor)
        left += report.get("unnamed", [])
    return left


def test_a_store_that_lacks_the_manifests_of_a_domain_deletes_no_chunk(core: Core) -> None:
    file_id = sent(core, "ann@acme")
    deep(core)
    clock = core.clock
    assert isinstance(clock, Clock)
    clock.pass_seconds(30 * 24 * 3_600)
    uploads_of(core).delete_upload(f"{file_id}-p0", now=clock())
    while garbage := uploads_of(core).mark_garbage(unused_before=clock() + 1, limit=100):
        uploads_of(core).forget_garbage(garbage)
    before = chunk_keys(core)
    assert sorted(deep(core)) == sorted(before)
    assert chunk_keys(core) == before


def test_the_segment_of_a_domain_belongs_to_its_tenant(core: Core) -> None:
    domain = domain_for(core, "ann@acme")
    documents = core.metadata
    assert isinstance(documents, SupportsDocuments)
    assert documents.get_document(OWNERS, owner_segment(domain), now=core.clock()).body == {"tenant": "acme"}
    assert aside_key(chunk_key(domain, "ab" * 32, "1")).startswith(owner_segment(domain) + "/rotten/")
