"""Two accounts of one tenant and one of another send the same bytes to a gateway that encrypts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.services.opening import open_core
from files_service.worker.analytics import Analytics
from files_service.worker.stored_bytes import StoredBytes
from files_service.worker.sweeper import Sweeper
from tests.clocks import Clock
from tests.cores import call, settings_for
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.gateway.test_lost_bytes import chunk_files
from tests.gateway.tus import CONTENT, file_id_of, made, patch
from tests.people.persons import cheap
from tests.unit.shared_chunks import new_key

ANN, BOB, EVE = "ann@acme", "bob@acme", "eve@other"
CHUNKS = 3
DAY = 24 * 3_600


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    core = cheap(open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=new_key())))
    for owner in (ANN, BOB, EVE):
        name, _, tenant = owner.partition("@")
        if owner != BOB:
            call(core, "accounts.create_tenant", name=tenant)
        call(core, "accounts.create", name=name, tenant=tenant)
    with serving(core) as served:
        yield served


def send(served: Served, owner: str) -> str:
    url = made(served, len(CONTENT), **bearer(owner))
    assert patch(served, url, 0, CONTENT, **bearer(owner)).status == 204
    assert served.result("files.process", file_id=file_id_of(url))["status"] == "processed"
    return file_id_of(url)


def content_of(served: Served, file_id: str, owner: str) -> bytes:
    reply = served.request("GET", f"/api/files/{file_id}/download", headers=bearer(owner))
    assert reply.status == 200, reply.body
    return reply.body


def later(core: Core, seconds: int) -> Core:
    """The same stores at a later time."""
    clock = Clock()
    clock.now = core.clock() + seconds * 1_000
    return replace(core, clock=clock, timer=clock)


def worker_counts(core: Core) -> None:
    at = later(core, 60)
    analytics, counter = Analytics(at, holder="analytics"), StoredBytes(at, holder="stored")
    for worker in (analytics, counter):
        for _ in range(8):
            worker.step()
        worker.give_up()


def worker_sweeps(core: Core) -> None:
    for days in (10, 20, 30):
        sweeper = Sweeper(later(core, days * DAY), holder="sweeper")
        sweeper.step()
        sweeper.give_up()


def told(stored: Any) -> tuple[int, int]:
    return stored["bytes"], stored["saved_bytes"]


def test_bytes_of_a_tenant_are_stored_once_and_go_with_its_last_file(served: Served, tmp_path: Path) -> None:
    core, size = served.core, len(CONTENT)
    anns, bobs = send(served, ANN), send(served, BOB)
    assert len(chunk_files(tmp_path)) == CHUNKS
    eves = send(served, EVE)
    assert len(chunk_files(tmp_path)) == 2 * CHUNKS
    assert 2 * size < sum(path.stat().st_size for path in chunk_files(tmp_path)) < 2 * size + 100_000
    worker_counts(core)
    for owner in (ANN, BOB, EVE):
        assert told(served.result("files.report", owner=owner)["stored"]) == (size, 0)
        assert told(served.result("analytics.storage", owner=owner)["stored"]) == (size, 0)
    assert told(served.result("analytics.storage", tenant="acme")["stored"]) == (size, size)
    assert told(served.result("analytics.storage", tenant="other")["stored"]) == (size, 0)
    served.result("files.remove", file_id=anns)
    worker_sweeps(core)
    assert content_of(served, bobs, BOB) == CONTENT
    assert len(chunk_files(tmp_path)) == 2 * CHUNKS
    served.result("files.remove", file_id=bobs)
    worker_sweeps(core)
    assert len(chunk_files(tmp_path)) == CHUNKS
    assert content_of(served, eves, EVE) == CONTENT


def test_the_doors_answer_alike_whether_another_owner_has_the_bytes(served: Served) -> None:
    def answers(owner: str) -> list[tuple[int, list[str], bytes]]:
        url = made(served, len(CONTENT), **bearer(owner))
        replies = [
            served.request("HEAD", url, headers={"Tus-Resumable": "1.0.0", **bearer(owner)}),
            patch(served, url, 0, CONTENT[: 2**20], **bearer(owner)),
            patch(served, url, 2**20, CONTENT[2**20 :], **bearer(owner)),
        ]
        return [(each.status, sorted(each.headers.keys()), each.body) for each in replies]

    first = answers(ANN)
    assert answers(BOB) == first
    assert answers(EVE) == first


def test_a_new_start_finds_the_chunks_of_a_domain(tmp_path: Path) -> None:
    key = new_key()
    settings = settings_for(tmp_path, FILES_ENCRYPTION_KEYS=key)
    core = cheap(open_core(settings))
    call(core, "accounts.create_tenant", name="acme")
    for name in ("ann", "bob"):
        call(core, "accounts.create", name=name, tenant="acme")
    with serving(core) as served:
        first = send(served, ANN)
    with closing(open_core(settings)) as again, serving(again) as served:
        assert content_of(served, first, ANN) == CONTENT
        send(served, BOB)
        assert len(chunk_files(tmp_path)) == CHUNKS
