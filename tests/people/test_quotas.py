"""Quotas of accounts and tenants: who sets them, and that no number of declarations at once exceeds one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.quotas import Quotas
from files_service.errors import FilesError, InsufficientStorage, NotFound
from files_service.services.accounts import ledger
from files_service.services.uploads.known_chunks import append_known
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from files_service.services.uploads.slices import store_slice
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import DocumentPage, DocumentQuery
from tests.cores import at, at_once, attempt, call, meanwhile, pending_file, refusal
from tests.gateway.serving import Served
from tests.people.persons import JSON_TYPE, Person, appoint, open_people

QUOTA = 1_000


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A core with a tenant of two accounts and a quota for both."""
    opened = open_people(tmp_path, chunk_bytes=64 * 1024, free_disk_bytes=0)
    yield with_tenant(opened)
    opened.close()


def with_tenant(core: Core) -> Core:
    call(core, "accounts.create_tenant", name="acme")
    for name in ("ann", "bob"):
        call(core, "accounts.create", name=name, tenant="acme")
    call(core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=QUOTA)
    return core


def declare(core: Core, owner: str, size: int) -> Any:
    return attempt(core, "files.upload", owner=owner, name="a", parts=[{"size": size}])


def used(core: Core) -> int:
    return sum(core.metadata.usage(owner).total.bytes for owner in ("ann@acme", "bob@acme"))


def limit_of(answer: Any) -> tuple[Any, Any]:
    """Which quota an answer is refused by, and its size."""
    assert isinstance(answer, InsufficientStorage), answer
    return answer.details["quota"], answer.details["limit"]


def test_the_accounts_of_a_tenant_share_its_quota_and_others_do_not(core: Core) -> None:
    call(core, "accounts.create", name="eve")
    declare(core, "ann@acme", 600)
    assert limit_of(declare(core, "bob@acme", 401)) == ("tenant", QUOTA)
    assert not isinstance(declare(core, "bob@acme", 400), FilesError)
    for owner in ("eve", "ann", "x@acme"):
        assert not isinstance(declare(core, owner, 10 * QUOTA), FilesError), owner
    assert used(core) == QUOTA


def test_an_account_has_its_own_quota_and_0_is_that_of_the_settings(tmp_path: Path) -> None:
    core = open_people(tmp_path, owner_quota_bytes=100)
    call(core, "accounts.create", name="ann")
    assert limit_of(declare(core, "ann", 101)) == ("owner", 100)
    assert call(core, "accounts.set_quota", owner="ann", quota_bytes=300)["quota_bytes"] == 300
    assert not isinstance(declare(core, "ann", 200), FilesError)
    assert call(core, "accounts.set_quota", owner="ann", quota_bytes=0)["quota_bytes"] == 0
    assert limit_of(declare(core, "ann", 1)) == ("owner", 100)
    assert limit_of(declare(core, "nobody", 101)) == ("owner", 100)
    core.close()


def test_the_default_tenant_can_have_a_quota_for_its_accounts(tmp_path: Path) -> None:
    core = open_people(tmp_path)
    call(core, "accounts.create", name="ann")
    assert call(core, "accounts.set_tenant_quota", quota_bytes=50)["name"] == ""
    assert limit_of(declare(core, "ann", 51)) == ("tenant", 50)
    assert not isinstance(declare(core, "service", 51), FilesError)
    assert call(core, "accounts.list_tenants")["tenants"] == []
    core.close()


def test_however_many_declare_at_once_the_quota_of_the_tenant_holds(core: Core) -> None:
    answers = at_once(8, lambda n: declare(core, ("ann@acme", "bob@acme")[n % 2], 300))
    admitted = [each for each in answers if not isinstance(each, FilesError)]
    assert used(core) == 300 * len(admitted) <= QUOTA
    assert admitted


def test_a_declaration_that_a_count_did_not_see_is_charged_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that runs between charge and write takes the charge off; the declaration notices it."""

    def count_anew() -> None:
        ledger.forget_count(core, "acme")
        quotas = Quotas(owner=0, tenant="acme", of_tenant=QUOTA)
        ledger.require_room_of_tenant(core, quotas, 0, lambda owner: core.metadata.usage(owner).total.bytes)

    declare(core, "bob@acme", 500)
    with monkeypatch.context() as patch:
        # The first document that is put is the charge.
        meanwhile(patch, core.metadata, "put_document", count_anew)
        assert not isinstance(declare(core, "ann@acme", 300), FilesError)
    assert limit_of(declare(core, "bob@acme", 201)) == ("tenant", QUOTA)
    assert not isinstance(declare(core, "bob@acme", 200), FilesError)


def test_a_removed_file_makes_room_in_the_tenant(core: Core) -> None:
    file_id = pending_file(core, owner="ann@acme", parts=[{"size": QUOTA}])["file_id"]
    assert limit_of(declare(core, "bob@acme", 1)) == ("tenant", QUOTA)
    call(core, "files.remove", file_id=file_id)
    # The pause is longer the longer the count took.
    later = at(core, core.clock() + 1_000 * ledger.PAUSE_MS)
    assert not isinstance(declare(later, "bob@acme", QUOTA), FilesError)


def test_room_in_the_tenant_is_found_after_a_clock_was_ahead(core: Core) -> None:
    year = 365 * 86_400_000
    ahead = at(core, core.clock() + year)
    file_id = declare(ahead, "ann@acme", QUOTA)["file_id"]
    assert limit_of(declare(ahead, "bob@acme", 1)) == ("tenant", QUOTA)
    call(core, "files.remove", file_id=file_id)
    assert not isinstance(declare(core, "bob@acme", QUOTA), FilesError)


def test_no_declaration_walks_the_accounts_while_there_is_room(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    later = at(core, core.clock() + 1_000)
    declare(later, "ann@acme", 1)
    walks: list[str] = []
    real = core.metadata.find_documents  # type: ignore[attr-defined]

    def find(query: DocumentQuery, *, now: int) -> DocumentPage:
        walks.append(query.collection)
        page: DocumentPage = real(query, now=now)
        return page

    monkeypatch.setattr(core.metadata, "find_documents", find)
    for _ in range(3):
        declare(later, "bob@acme", 1)
    assert "accounts" not in walks
    declare(later, "bob@acme", QUOTA)
    assert "accounts" not in walks, "the count is a moment old"
    declare(at(core, core.clock() + 1_000 * ledger.PAUSE_MS), "bob@acme", QUOTA)
    assert "accounts" in walks


def test_files_that_become_those_of_an_account_count_for_its_tenant(core: Core) -> None:
    declare(core, "eve@acme", 900)
    assert not isinstance(declare(core, "ann@acme", 1), FilesError)
    call(core, "accounts.create", name="eve", tenant="acme")
    assert limit_of(declare(core, "ann@acme", 100)) == ("tenant", QUOTA)


def test_bytes_of_unknown_size_stay_within_the_quota_of_the_tenant(core: Core) -> None:
    call(core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=100_000)
    upload = begin(core, Beginning(owner="ann@acme", size=None))
    engine = Engine(core, uploads_of(core))
    stream = Stream(engine, upload, 0)
    stream.write(b"x" * 200_000)
    with pytest.raises(InsufficientStorage) as refused:
        stream.finish()
    assert limit_of(refused.value) == ("tenant", 100_000)
    engine.close()
    assert limit_of(declare(core, "bob@acme", 50_000)) == ("tenant", 100_000)


def test_slices_of_unknown_size_stay_within_the_quota_of_the_tenant(core: Core) -> None:
    call(core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=100_000)
    upload = begin(core, Beginning(owner="ann@acme", size=None))
    engine = Engine(core, uploads_of(core))
    # A slice that is sent again is not charged again, and neither are the stored bytes of one that overlaps them.
    for start, end in ((0, 40_000), (0, 40_000), (40_000, 80_000), (40_000, 90_000), (0, 60_000), (90_000, 100_000)):
        upload = store_slice(engine, upload, start, memoryview(b"x" * (end - start)))[1].upload
    assert upload.received == 100_000
    with pytest.raises(InsufficientStorage) as refused:
        store_slice(engine, upload, 100_000, memoryview(b"x"))
    assert limit_of(refused.value) == ("tenant", 100_000)
    assert store_slice(engine, upload, 0, memoryview(b"x" * 60_000))[1].upload.received == 100_000
    engine.close()
    assert limit_of(declare(core, "bob@acme", 1)) == ("tenant", 100_000)


def test_known_chunks_of_unknown_size_stay_within_the_quota_of_the_tenant(core: Core) -> None:
    call(core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=100_000)
    upload, data = begin(core, Beginning(owner="ann@acme", size=None)), b"x" * 40_000
    known: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with pytest.raises(NotFound):
        # What must be sent is charged when it is.
        append_known(core, upload, offset=0, **known)
    engine = Engine(core, uploads_of(core))
    store_slice(engine, upload, 0, memoryview(data))
    engine.close()
    upload = append_known(core, upload, offset=40_000, **known)
    with pytest.raises(InsufficientStorage) as refused:
        append_known(core, upload, offset=80_000, **known)
    assert limit_of(refused.value) == ("tenant", 100_000)
    assert limit_of(declare(core, "bob@acme", 20_001)) == ("tenant", 100_000)


def put(person: Person, path: str, body: bytes) -> int:
    return person.request("PUT", path, body, JSON_TYPE).status


def test_admins_set_quotas_within_that_of_their_tenant_and_operators_all(served: Served) -> None:
    for tenant in ("acme", "other"):
        call(served.core, "accounts.create_tenant", name=tenant)
    root, admin = appoint(served, "root", "operator"), appoint(served, "amy", "admin", "acme")
    bob = appoint(served, "bob", "user", "acme")
    appoint(served, "eve", "user", "other")
    assert put(root, "/api/tenants/acme/quota", b'{"quota_bytes": 1000}') == 200
    assert put(root, "/api/tenants/-/quota", b'{"quota_bytes": 5000}') == 200
    assert put(root, "/api/tenants/none/quota", b'{"quota_bytes": 5000}') == 404
    assert put(admin, "/api/accounts/bob@acme/quota", b'{"quota_bytes": 1000}') == 200
    assert admin.call("accounts.info", owner="bob@acme").json["result"]["quota_bytes"] == 1000
    for body in (b'{"quota_bytes": 1001}', b'{"quota_bytes": -1}', b'{"quota_bytes": "1"}', b"{}"):
        assert put(admin, "/api/accounts/bob@acme/quota", body) in (400, 403)
    assert put(root, "/api/accounts/bob@acme/quota", b'{"quota_bytes": 1001}') == 200
    for owner in ("eve@other", "nobody@other", "root"):
        assert put(admin, f"/api/accounts/{owner}/quota", b'{"quota_bytes": 1}') == 404
    assert put(admin, "/api/tenants/acme/quota", b'{"quota_bytes": 1}') == 403
    for path in ("/api/accounts/bob@acme/quota", "/api/tenants/acme/quota"):
        assert put(bob, path, b'{"quota_bytes": 1}') == 403
        assert served.request("PUT", path, b'{"quota_bytes": 1}', JSON_TYPE).status == 401
    assert refusal(served.core, "accounts.set_quota", owner="nobody", quota_bytes=1).code == "not_found"
