"""Analytics at the doors: the counts, and that nobody learns of the files of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.domain.analytics import day_of
from files_service.runtime.clock import now_ms
from files_service.services.accounts.sessions import DAY_MS
from files_service.worker.analytics import Analytics
from tests.clocks import Clock
from tests.cores import SECRETS, call, processed_file
from tests.gateway.serving import RPC_TOKEN, Served, serving
from tests.people.persons import appoint, key_of, open_people
from tests.unit.cli.running import at as environment_of
from tests.unit.cli.running import run

EMPTY, ONE = {"count": 0, "bytes": 0}, {"count": 1, "bytes": 7}


def count(served: Served) -> None:
    """Let the worker count."""
    worker = Analytics(served.core, holder="worker")
    for _ in range(5):
        worker.step()
    worker.give_up()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway at noon: no day ends in a test."""
    noon = now_ms() // DAY_MS * DAY_MS + DAY_MS // 2
    with serving(replace(open_people(tmp_path), clock=Clock(noon))) as served:
        yield served


@pytest.fixture
def stored(served: Served) -> Served:
    """A gateway with files of two tenants."""
    core = served.core
    for tenant in ("acme", "other"):
        call(core, "accounts.create_tenant", name=tenant)
    for owner, content_type, access in (
        ("amy@acme", "image/png", "private"),
        ("amy@acme", "image/png", "public"),
        ("bob@acme", "video/mp4", "private"),
        ("eve@other", "application/zip", "private"),
    ):
        parts = [{"size": 7, "content_type": content_type}]
        processed_file(core, owner=owner, parts=parts, access=access)
    count(served)
    return served


def test_owners_tenants_and_all_are_counted_apart(stored: Served) -> None:
    amy, root = appoint(stored, "amy", "admin", "acme"), appoint(stored, "root", "operator")
    call(stored.core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=1_000)
    own = amy.get("/api/analytics/storage?days=2").json
    assert (own["used"], own["count"], own["bytes"], own["quota"]) == (14, 2, 14, 0)
    assert own["by_access"] == {"private": ONE, "public": ONE}
    yesterday, today = own["by_day"]
    assert yesterday["count"] == 0 < today["count"] == 2
    assert today["day"] == day_of(stored.core.clock())
    assert today["by_kind"]["image"]["by_access"]["public"] == ONE
    assert own["versions"] == own["trash"] == EMPTY
    tenant = amy.get("/api/analytics/storage?tenant=acme").json
    assert (tenant["used"], tenant["count"], tenant["quota"], len(tenant["by_day"])) == (21, 3, 1_000, 30)
    kinds = amy.get("/api/analytics/file-types?tenant=acme").json["by_kind"]
    assert {kind: found["count"] for kind, found in kinds.items() if found["count"]} == {"image": 2, "video": 1}
    assert root.get("/api/analytics/storage?all=1").json["used"] == 28
    assert root.get("/api/analytics/storage").json["used"] == 0
    assert root.get("/api/analytics/storage?tenant=-").json["used"] == 0
    assert root.get("/api/analytics/storage?tenant=other").json["used"] == 7
    assert amy.get("/api/analytics/file-types").json["by_kind"]["video"]["count"] == 0
    whole = json.loads(
        stored.request("GET", "/api/analytics/file-types", headers={"Authorization": f"Bearer {RPC_TOKEN}"}).body
    )
    assert whole["by_kind"]["archive"] == {"count": 1, "bytes": 7, "by_access": {"private": ONE}}


def test_what_changes_is_counted_anew(stored: Served) -> None:
    amy = appoint(stored, "amy", "user", "acme")
    for each in amy.call("files.list", owner="amy@acme").json["result"]["files"]:
        call(stored.core, "files.remove", file_id=each["file_id"])
    count(stored)
    assert amy.get("/api/analytics/storage").json["by_day"][-1]["count"] == 0
    assert amy.get("/api/analytics/file-types").json["by_kind"]["image"]["count"] == 0
    root = appoint(stored, "root", "operator")
    assert root.get("/api/analytics/file-types?tenant=acme").json["by_kind"]["image"]["count"] == 0


def test_nobody_learns_of_the_files_of_others(stored: Served) -> None:
    amy, bob = appoint(stored, "amy", "admin", "acme"), appoint(stored, "bob", "user", "acme")
    appoint(stored, "eve", "user", "other")
    for path in ("/api/analytics/storage", "/api/analytics/file-types"):
        assert amy.get(f"{path}?owner=bob@acme").status == 200
        for about, status in (("owner=eve@other", 403), ("tenant=other", 404), ("tenant=nowhere", 404), ("all=1", 403)):
            assert amy.get(f"{path}?{about}").status == status, about
        there, nowhere = (amy.get(f"{path}?tenant={name}").error for name in ("other", "nowhere"))
        assert (there["code"], there["message"]) == (nowhere["code"], nowhere["message"])
        for about in ("owner=amy@acme", "owner=eve@other", "tenant=acme", "tenant=-", "tenant=other", "all=1"):
            assert bob.get(f"{path}?{about}").status == 403, about
        assert stored.request("GET", path).status == 401
        for about in ("owner=bob@acme&all=1", "owner=bob@acme&tenant=acme", "days=0", "x=1", "all=x"):
            assert amy.get(f"{path}?{about}").status == 400, about
        # As everywhere, a key of an admin needs the scope of admins for what is not its owner's.
        assert key_of(amy, "analytics").get(f"{path}?tenant=acme").status == 403
        assert key_of(amy, "analytics", "admin").get(f"{path}?tenant=acme").status == 200
        assert key_of(amy, "analytics").get(path).status == 200
        assert key_of(amy, "files:read").get(path).status == 403
    assert bob.call("analytics.storage").status == 403
    assert amy.call("analytics.storage", days=367).status == 400


def test_the_command_prints_them(stored: Served, tmp_path: Path) -> None:
    environ = environment_of(stored, {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS})
    printed = run(environ, "analytics", "--tenant", "acme")
    assert printed.stdout == "21 bytes used by 3 files\nimage  2  14\nvideo  1  7\n"
    assert run(environ, "analytics", "--all").stdout.startswith("28 bytes used by 4 files\n")
    assert run(environ, "analytics").stdout == "0 bytes used by 0 files\n"
    refused = run(environ, "analytics", "--tenant", "none")
    assert (refused.exit_code, refused.output[:16]) == (1, "Error: not_found")
