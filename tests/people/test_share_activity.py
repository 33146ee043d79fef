"""What happened to a link: its last events, for its owner alone, and notices of them in batches."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.domain.shares import NOTICE_MS, ShareEvent
from files_service.errors import ServiceUnavailable
from files_service.services.files import require
from files_service.services.shares.activity import KEPT, NOTICES, due_notices, record_event, settle_notice
from files_service.services.shares.share import find_share
from files_service.worker import notifier as notifier_module
from files_service.worker.notifier import Notifier
from storage_adapters import Document, StorageUnavailable, SupportsDocuments
from tests.cores import at
from tests.gateway.serving import Served
from tests.people.links import PASSWORD, Visitor, share, stored, stored_at
from tests.people.persons import Person, register
from tests.people.test_drops import put
from tests.publishers import Collector


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def events(person: Person, share_id: str) -> list[Any]:
    reply = person.get(f"/api/shares/{share_id}/events")
    assert reply.status == 200, reply.body
    found: list[Any] = reply.json["events"]
    return found


def test_the_owner_sees_what_visitors_did_and_of_their_addresses_the_network(served: Served, ann: Person) -> None:
    file_id = stored_at(ann, "trip/a.txt")
    made = share(ann, kind="collect", path="trip", password=PASSWORD)
    visitor = Visitor(served, made["url"])
    visitor.get()
    visitor.unlock("not the one")
    visitor.unlock()
    assert [visitor.get().status, visitor.get().status, visitor.request("HEAD").status] == [200] * 3
    assert visitor.download(file_id).status == 200
    assert put(visitor, "new.txt", b"four", sender="Bob").status == 201
    Visitor(served, made["url"], {"files_session": ann.token, **visitor.cookies}).get()
    found = events(ann, made["share_id"])[::-1]
    named = ["wrong_password", "unlocked", "opened", "downloaded", "uploaded"]
    assert [each["event"] for each in found] == named
    assert {each["network"] for each in found} == {"127.0.0.0/24"}
    assert found[3]["file_id"] == file_id
    assert (found[4]["sender"], found[4]["size"]) == ("Bob", 4)
    direct = Visitor(served, made["url"], dict(visitor.cookies, files_grant="none"))
    assert direct.bytes_of(file_id).status == 200
    assert events(ann, made["share_id"])[0]["event"] == "downloaded"


def test_events_are_the_owners_alone_and_bounded(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann))
    kept = find_share(served.core, made["share_id"])
    assert kept is not None
    for number in range(KEPT + 5):
        record_event(served.core, kept, ShareEvent.DOWNLOADED, f"2001:db8:{number:x}::1")
    found = events(ann, made["share_id"])
    assert (len(found), found[0]["network"]) == (KEPT, f"2001:db8:{KEPT + 4:x}::/48")
    assert register(served, "bob").get(f"/api/shares/{made['share_id']}/events").status == 404
    assert events(ann, share(ann, stored(ann))["share_id"]) == []


def test_notices_come_in_batches_and_only_for_those_who_ask(served: Served, ann: Person) -> None:
    core, file_id = served.core, stored_at(ann, "trip/a.txt")
    told, silent = share(ann, notify=True, kind="collect", path="trip"), share(ann, path="trip")
    for url in (told["url"], told["url"], silent["url"]):
        assert Visitor(served, url).bytes_of(file_id).status == 200
    visitor = Visitor(served, told["url"])
    assert put(visitor, "a.txt", b"x").status == 201
    publisher = Collector()
    Notifier(core, publisher, holder="early").step()
    assert publisher.events == []
    Notifier(core, publisher, holder="early").give_up()
    late = at(core, core.clock() + NOTICE_MS)
    publisher.failures = 1
    with pytest.raises(ServiceUnavailable):
        Notifier(late, publisher, holder="late").step()
    [sent] = due_notices(late, 10)
    assert sent.body["counts"] == {"downloaded": 2, "uploaded": 1}
    # A download between the event and its settlement waits for the next notice.
    assert Visitor(served, told["url"]).bytes_of(file_id).status == 200
    settle_notice(late, sent)
    assert due_notices(late, 10) == ()
    later = at(core, late.clock() + NOTICE_MS)
    [left] = due_notices(later, 10)
    Notifier(later, publisher, holder="late").step()
    [event] = publisher.events
    assert (event.event, event.payload["share_id"]) == ("share_used", told["share_id"])
    assert (event.payload["downloaded"], event.payload["uploaded"]) == (1, 0)
    assert (event.payload["owner"], event.event_id) == ("ann", f"{told['share_id']}:{left.revision}")
    assert "key" not in event.payload
    assert due_notices(later, 10) == ()


def test_a_notice_that_nobody_can_read_stops_no_other(
    served: Served, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    file_id = stored(ann)
    told, core, publisher = share(ann, file_id, notify=True), served.core, Collector()
    assert Visitor(served, told["url"]).bytes_of(file_id).status == 200
    foreign = Document(collection=NOTICES, document_id="a", body={"new": 1}, updated_at=0)
    require(core.metadata, SupportsDocuments).put_document(foreign, expected_revision=0)
    Notifier(at(core, core.clock() + NOTICE_MS), publisher, holder="one").step()
    assert [each.payload["share_id"] for each in publisher.events] == [told["share_id"]]
    assert "a notice of a share cannot be read" in caplog.messages


def test_a_notice_that_is_sent_again_counts_nothing_twice(
    served: Served, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = stored(ann)
    told, core, publisher = share(ann, file_id, notify=True), served.core, Collector()
    visitor = Visitor(served, told["url"])
    assert visitor.bytes_of(file_id).status == 200
    late = at(core, core.clock() + NOTICE_MS)
    notifier = Notifier(late, publisher, holder="one")

    def die(*_: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(notifier_module, "settle_notice", die)
        with pytest.raises(StorageUnavailable):
            notifier.step()
    assert visitor.bytes_of(file_id).status == 200
    notifier.step()
    notifier.give_up()
    Notifier(at(core, late.clock() + NOTICE_MS), publisher, holder="two").step()
    first, again, last = publisher.events
    assert first == again
    assert first.event_id != last.event_id
    assert [each.payload["downloaded"] for each in (first, last)] == [1, 1]
