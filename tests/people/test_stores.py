"""One story of people and one of links on every store: what they may do is the same, and so is who wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.analytics import beginning_of
from files_service.errors import Gone
from files_service.services.accounts.deletion import KEPT_MS
from files_service.services.accounts.ledger import RECOUNT_MS
from files_service.services.cards.erasure import erase_cards
from files_service.services.erasure import sweep_deletions
from files_service.services.files import require
from files_service.services.inbox.feed import CONSUMER
from files_service.services.opening import open_core
from files_service.services.shares.gate import Visit, open_share, stays_open
from files_service.services.shares.grants import make_grant
from files_service.services.shares.share import Share
from files_service.worker.analytics import Analytics
from storage_adapters import SupportsChanges
from tests.cores import at, at_once, attempt, call, processed_file, refusal, settings_for
from tests.people.persons import PASSWORD, cheap
from tests.unit.cards.scenes import brought, copied, verified
from tests.unit.inbox.scenes import notices, settle, unread


@pytest.fixture(params=["memory", "sqlite", "redis", "couchdb"])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    """The same service on each store."""
    kind = request.param
    url = {"memory": "memory://", "sqlite": ""}.get(kind)
    if url is None:
        url = request.getfixturevalue(f"{kind}_url")
        if kind == "couchdb":
            from tests.adapters import couchdb_servers

            with couchdb_servers.opened(url):
                pass
    opened = cheap(open_core(settings_for(tmp_path, FILES_METADATA_URL=url, FILES_REGISTRATION="open")))
    yield opened
    opened.close()


def test_the_story_of_people(core: Core) -> None:
    call(core, "accounts.create_tenant", name="acme")
    assert [each["name"] for each in call(core, "accounts.list_tenants")["tenants"]] == ["acme"]
    outcomes = at_once(3, lambda _: attempt(core, "accounts.register", name="ann", password=PASSWORD))
    assert sum(isinstance(each, dict) for each in outcomes) == 1
    assert refusal(core, "accounts.login", name="ann", password="wrong password").code == "unauthorized"
    token = call(core, "accounts.login", name="ann", password=PASSWORD)["token"]
    assert call(core, "accounts.identify", token=token)["account"]["owner"] == "ann"
    assert len(call(core, "accounts.list_sessions", token=token)["sessions"]) == 2
    key = call(core, "accounts.create_key", token=token, label="x", scopes=["files:read"])
    assert call(core, "accounts.identify", token=key["key"])["scopes"] == ["files:read"]
    call(core, "accounts.revoke_key", token=token, key_id=key["key_id"])
    assert refusal(core, "accounts.identify", token=key["key"]).code == "unauthorized"
    invite = call(core, "accounts.create_invite", tenant="acme", role="admin")["code"]
    call(core, "accounts.register", name="amy", password=PASSWORD, invite=invite)
    assert refusal(core, "accounts.register", name="eve", password=PASSWORD, invite=invite).code == "unauthorized"
    assert [each["owner"] for each in call(core, "accounts.list", tenant="acme")["accounts"]] == ["amy@acme"]
    assert [each["owner"] for each in call(core, "accounts.list")["accounts"]] == ["ann"]
    assert refusal(core, "accounts.update", owner="amy@acme", disabled=True).code == "conflict"
    call(core, "accounts.update", owner="ann", disabled=True)
    assert refusal(core, "accounts.identify", token=token).code == "unauthorized"
    call(core, "accounts.update", owner="ann", disabled=False)
    code = call(core, "accounts.reset", owner="ann")["code"]
    call(core, "accounts.set_password", reset=code, password="another long phrase")
    assert refusal(core, "accounts.set_password", reset=code, password="another long phrase").code == "unauthorized"
    token = call(core, "accounts.login", name="ann", password="another long phrase")["token"]
    call(core, "accounts.logout", token=token)
    assert refusal(core, "accounts.identify", token=token).code == "unauthorized"
    file_id = processed_file(core)["file_id"]
    call(core, "folders.create", owner="ann", path="a")
    call(core, "shares.create", owner="ann", items=[file_id])
    call(core, "accounts.delete", owner="ann")
    for late, numbers in (
        (core, [{"ended_accounts": 1}]),
        (at(core, core.clock() + KEPT_MS + 1), [{"erased": 1}, {"erased": 2}, {"erased_accounts": 1}, {}]),
    ):
        assert [dict(sweep_deletions(late)) for _ in numbers] == numbers
    assert call(core, "files.count", owner="ann")["total"] == 0


def test_the_story_of_an_inbox(core: Core) -> None:
    worker = settle(core)
    feed = require(core.metadata, SupportsChanges)
    before = feed.checkpoint(CONSUMER)
    ids = [processed_file(core, name=name)["file_id"] for name in ("a.txt", "b.txt")]
    processed_file(core, owner="bob")
    settle(core, worker)
    [told] = notices(core)
    assert (told["kind"], told["count"], told["file_ids"]) == ("uploaded", 2, ids)
    # The process died before its checkpoint moved: the batch is read again, by another.
    feed.move_checkpoint(CONSUMER, expected=feed.checkpoint(CONSUMER), sequence=before)
    settle(core, worker)
    assert (notices(core), len(notices(core, "bob")), unread(core)) == ([told], 1, 1)
    call(core, "files.trash", file_id=ids[0], actor="ann")
    settle(core, worker)
    assert [each["kind"] for each in notices(core)] == ["trashed", "uploaded"]
    call(core, "notices.read", owner="ann", actor="ann")
    assert (unread(core), unread(core, "bob")) == (0, 1)


def test_the_story_of_a_link(core: Core) -> None:
    file_id = processed_file(core)["file_id"]
    given = {"owner": "ann", "items": [file_id], "max_downloads": 2}
    shares = [call(core, "shares.create", **given, request_id=str(number)) for number in range(3)]
    made = shares[0]
    # Who repeats a call whose answer was lost gets the share of the first one.
    assert call(core, "shares.create", **given, request_id="0") == made
    other = {**given, "items": [processed_file(core)["file_id"]]}
    assert refusal(core, "shares.create", **other, request_id="0").code == "conflict"
    page = call(core, "shares.list", owner="ann", limit=2)
    rest = call(core, "shares.list", owner="ann", limit=2, cursor=page["next_cursor"])
    assert [each["share_id"] for each in (*page["shares"], *rest["shares"])] == [
        each["share_id"] for each in reversed(shares)
    ]
    opened = open_share(core, made["key"], Visit())
    outcomes = at_once(4, lambda _: taken(core, opened.share))
    assert sorted(map(bool, outcomes)) == [False, False, True, True]
    assert call(core, "shares.info", share_id=made["share_id"])["used"] == 2
    for secret in outcomes:
        if secret:
            assert open_share(core, made["key"], Visit(grant=secret)).granted
    call(core, "shares.revoke", share_id=made["share_id"])
    with pytest.raises(Gone):
        open_share(core, made["key"], Visit())
    assert not stays_open(core, opened, file_id)
    assert call(core, "shares.update", share_id=made["share_id"], changes={"state": "active"})["state"] == "active"


def taken(core: Core, share: Share) -> str:
    """The secret of a download, "" where none is left."""
    try:
        return make_grant(core, share)
    except Gone:
        return ""


def test_the_story_of_quotas(core: Core) -> None:
    call(core, "accounts.create_tenant", name="acme")
    owners = [call(core, "accounts.create", name=name, tenant="acme")["owner"] for name in ("ann", "bob")]
    assert call(core, "accounts.set_tenant_quota", tenant="acme", quota_bytes=1_000)["quota_bytes"] == 1_000
    assert call(core, "accounts.set_quota", owner=owners[0], quota_bytes=500)["quota_bytes"] == 500
    parts = [{"size": 300}]
    answers = at_once(8, lambda n: attempt(core, "files.upload", owner=owners[n % 2], name="a", parts=parts))
    admitted = sum(isinstance(each, dict) for each in answers)
    used = [core.metadata.usage(owner).total.bytes for owner in owners]
    assert sum(used) == 300 * admitted <= 1_000
    assert used[0] <= 500
    over = refusal(core, "files.upload", owner=owners[0], name="a", parts=[{"size": 501}])
    assert over.details["quota"] == "owner"
    over = refusal(core, "files.upload", owner=owners[1], name="a", parts=[{"size": 1_001 - sum(used)}])
    assert over.details["quota"] == "tenant"
    # What was charged for refused uploads is taken off by the next count, after a pause by the length of the last one.
    later = at(core, core.clock() + RECOUNT_MS)
    call(later, "files.upload", owner=owners[1], name="a", parts=[{"size": 1_000 - sum(used)}])


def test_the_story_of_counts(core: Core) -> None:
    """Counted from the feed, after a kill of the worker, and from all files once the feed is gone."""
    feed = core.metadata
    assert isinstance(feed, SupportsChanges)

    def counted() -> list[object]:
        worker = Analytics(core, holder=core.new_id())
        for _ in range(9):
            worker.step()
        worker.give_up()
        kinds = call(core, "analytics.file_types", tenant="acme")["by_kind"]
        today = call(core, "analytics.storage", tenant="acme", days=1)["by_day"][0]
        assert today["by_kind"] == {kind: found for kind, found in kinds.items() if found["count"]}
        assert call(core, "analytics.file_types")["by_kind"]["image"] == kinds["image"]
        own = call(core, "analytics.storage", owner="ann@acme", days=1)
        assert own["count"] == own["by_day"][0]["count"]
        return [own["count"], own["used"], *(kinds[kind]["bytes"] for kind in ("image", "video"))]

    call(core, "accounts.create_tenant", name="acme")
    parts = [{"size": 7, "content_type": "image/png"}]
    made = [processed_file(core, owner=f"{name}@acme", parts=parts) for name in ("ann", "ann", "bob")]
    assert counted() == [2, 14, 21, 0]
    call(core, "files.update", file_id=made[0]["file_id"], changes={"content_type": "video/mp4"})
    call(core, "files.remove", file_id=made[2]["file_id"])
    assert counted() == [2, 14, 7, 7]
    call(core, "files.remove", file_id=made[1]["file_id"])
    feed.move_checkpoint("analytics", expected=feed.checkpoint("analytics"), sequence="")
    feed.move_checkpoint("relay", expected=feed.checkpoint("relay"), sequence=feed.last_sequence())
    feed.trim_changes(limit=1_000)
    assert counted() == [1, 7, 0, 7]


def test_the_story_of_a_month_and_an_export(core: Core) -> None:
    token = call(core, "accounts.register", name="ann", password=PASSWORD)["token"]
    made = []
    for day in ("2026-06-30", "2026-07-01", "2026-07-31", "2026-08-01"):
        parts = [{"size": 7, "content_type": "image/png"}]
        made.append(processed_file(at(core, beginning_of(day)), owner="ann", parts=parts)["file_id"])
    july = {"owner": "ann", "month": "2026-07", "limit": 1}
    first = call(core, "files.timeline", **july)
    second = call(core, "files.timeline", **july, cursor=first["next_cursor"])
    assert [each["file_id"] for page in (first, second) for each in page["files"]] == [made[2], made[1]]
    call(core, "files.trash", file_id=made[0])
    call(core, "folders.create", owner="ann", path="trips")
    entries, page = [], call(core, "accounts.export", token=token)
    while page["next_cursor"] is not None:
        entries += page["entries"]
        page = call(core, "accounts.export", token=token, cursor=page["next_cursor"])
    kinds = [each["type"] for each in entries + page["entries"]]
    assert kinds == ["account", "session", "folder", *["file"] * 4]


def test_the_story_of_a_card(core: Core, tmp_path: Path) -> None:
    entries = [brought(core, path) for path in ("DCIM/B.MP4", "DCIM/A.MP4")]
    session_id = copied(core, entries)["session_id"]
    # Concurrent and repeated calls leave exact counters.
    gone = [{"path": f"gone/{number}", "size": 1, "mtime_at": 1, "status": "missing"} for number in range(6)]
    at_once(2, lambda number: call(core, "cards.add", session_id=session_id, files=gone[number * 2 : number * 2 + 4]))
    told = call(core, "cards.session", session_id=session_id)
    assert told["counts"] == {"uploaded": {"files": 2, "bytes": 600}, "missing": {"files": 6, "bytes": 6}}
    page = call(core, "cards.files", session_id=session_id, limit=2)
    assert [each["path"] for each in page["files"]] == ["DCIM/A.MP4", "DCIM/B.MP4"]
    rest = call(core, "cards.files", session_id=session_id, cursor=page["next_cursor"])["files"]
    assert [each["path"] for each in rest] == sorted(str(each["path"]) for each in gone)
    asked = {name: entries[0][name] for name in ("path", "size", "fast_key")}
    assert call(core, "files.known", owner="ann", files=[asked])["files"][0]["file_id"] == entries[0]["file_id"]
    judged = verified(core, session_id)
    assert (judged["state"], judged["verdict"]["reasons"][0]["path"]) == ("not_safe", "gone/0")
    erased = 0
    while step := erase_cards(core, "ann", 10):
        erased += step
    # 8 entries, a session, 2 known files and a card.
    assert erased == 12
    assert call(core, "cards.sessions", owner="ann")["sessions"] == call(core, "cards.list", owner="ann")["cards"] == []
