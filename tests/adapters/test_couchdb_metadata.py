"""The metadata store on CouchDB: under the contract of all, and what is its own."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters import Condition, ListQuery, SchemaMismatch, StorageUnavailable
from storage_adapters.codec import record_to_document
from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.couchdb import store as couchdb_store
from storage_adapters.metadata.couchdb.layout import REVISIONS
from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.couchdb.rows import LONGEST_TEXT
from storage_adapters.metadata.couchdb.views import DESIGNS, DesignStatus, build, design_status, install_designs
from tests.adapters.couchdb_servers import assert_intact, before_each_request, opened
from tests.contract.listing import Filled
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save, various_records, walk
from tests.contract.whole_store import WholeStoreContract
from tests.feeds import file_changes
from tests.scale import at_scale
from tests.servers.couchdb import raw, throw_away
from tests.waiting import PATIENCE_SECONDS

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)


class TestCouchMetadataStore(WholeStoreContract):
    values_step = at_scale(quick=4, default=4, nightly=1)

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, couchdb_server_url: str) -> Iterator[Filled]:
        """Filled once, which takes this server longer than the questions."""
        with throw_away(couchdb_server_url) as url, opened(url) as store:
            yield Filled(store, add(store, *various_records()))

    @pytest.fixture
    def store(self, couchdb_url: str) -> Iterator[CouchMetadataStore]:
        with opened(couchdb_url) as store:
            yield store


def test_a_reopened_store_shows_everything(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        records = add(store, *various_records())
        delete(store, records[0])
        store.move_checkpoint("relay", expected="", sequence="7")
        store.acquire_lease("sweeper", holder="a", now=0, until=10)
        digest, changes = store.digest(), file_changes(store, after="", limit=100)
    with opened(couchdb_url) as store:
        assert store.digest() == digest
        assert file_changes(store, after="", limit=100) == changes
        assert store.checkpoint("relay") == "7"
        assert not store.acquire_lease("sweeper", holder="b", now=0, until=10)
    assert assert_intact(couchdb_url) == sorted(records[1:], key=lambda r: (r.created_at, r.file_id))


def test_data_of_another_layout_are_refused(couchdb_url: str) -> None:
    state = location_of(couchdb_url).database + "_state"
    with opened(couchdb_url), raw(couchdb_url) as ask:
        layout = ask("GET", state, "layout")
        ask("PUT", state, "layout", body={**layout, "layout": "99"})
    with pytest.raises(SchemaMismatch, match="schema 99"):
        CouchMetadataStore.from_url(couchdb_url)


def test_documents_remember_few_of_their_former_revisions_where_the_server_can_be_told(couchdb_url: str) -> None:
    with opened(couchdb_url), raw(couchdb_url) as ask:
        for suffix in ("", "_state"):
            kept = ask("GET", location_of(couchdb_url).database + suffix, "_revs_limit")
            assert kept == REVISIONS or "error" in kept


def test_design_documents_that_were_lost_or_are_new_are_installed_and_old_ones_are_told(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        records = add(store, *various_records()[:5])
        files, name = store._files, location_of(couchdb_url).database
        wanted = tuple(design.name for design in DESIGNS.values())
        assert design_status(files) == DesignStatus(missing=(), installed=wanted, obsolete=())
        lost = DESIGNS["usage"].name
        with raw(couchdb_url) as ask:
            rev = ask("GET", name, "_design", lost)["_rev"]
            ask("DELETE", name, "_design", lost, rev=rev)
            ask("PUT", name, "_design", "usage-0123", body=DESIGNS["usage"].document)
            ask("PUT", name, "_design", "others", body=DESIGNS["usage"].document)
        rest = tuple(each for each in wanted if each != lost)
        assert design_status(files) == DesignStatus(missing=(lost,), installed=rest, obsolete=("usage-0123",))
        assert [design.name for design in install_designs(files)] == [lost]
        assert all(build(files, design) for design in DESIGNS.values())
        assert store.usage(None).total.files == len(records)


def test_a_description_too_long_for_a_row_is_found_all_the_same(couchdb_url: str) -> None:
    long = "x" * (LONGEST_TEXT + 1) + " needle"
    with opened(couchdb_url) as store:
        add(store, make_record("f1", meta={"description": long}), make_record("f2", meta={"description": "needle"}))
        add(store, make_record("f3", meta={"description": long[:-6], "website": long}))
        for query, wanted in [
            (ListQuery(search="needle"), ["f2", "f1"]),
            (ListQuery(conditions=(Condition(field="description", op="eq", value=long),)), ["f1"]),
            (ListQuery(conditions=(Condition(field="website", op="contains", value="NEEDLE"),)), ["f3"]),
            (ListQuery(conditions=(Condition(field="website", op="exists", value=False),)), ["f2", "f1"]),
        ]:
            assert [record.file_id for record in walk(store, query)] == wanted


def test_numbers_and_texts_come_back_exactly(couchdb_url: str) -> None:
    meta = {"float": 1.0, "big": 2**63, "small": -(2**62), "text": "\0\ud7ff\uffff\U0010ffff", "": {"__proto__": 1e300}}
    record = make_record(meta=meta, post_action={"n": 2.0}, size=2**62 + 1, name="\0\ufffe", created_at=2**53 + 1)
    with opened(couchdb_url) as store:
        saved = save(store, record, event="created")
        delete(store, save(store, saved, expires_at=-(2**53) - 1), clean_after=2**60 + 1)
        changes = file_changes(store, after="", limit=10)
        assert record_to_document(changes[0].record) == record_to_document(saved)
        assert changes[2].record.expires_at == -(2**53) - 1
        assert store.unclean(now=2**60, limit=10) == []
        assert store.unclean(now=2**60 + 1, limit=10)[0].clean_after == 2**60 + 1
        again = save(store, make_record("f2", meta=meta, size=2**62))
        assert record_to_document(store.get("f2")) == record_to_document(again)


@pytest.mark.parametrize("batch", [2, 4, 200])
def test_what_another_worker_cleans_meanwhile_hides_nothing_that_is_due(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The other one cleans between the look at the index and the reading of the tombstones."""
    monkeypatch.setattr(couchdb_store, "_BATCH", batch)
    with opened(couchdb_url) as store, opened(couchdb_url) as other:
        for record in add(store, *(make_record(f"f{number}") for number in range(6))):
            delete(store, record)
        count = 0

        def clean() -> None:
            nonlocal count
            count += 1
            if count == 2:
                other.mark_clean("f0")

        with monkeypatch.context() as patch:
            before_each_request(patch, clean)
            due = store.unclean(now=NOW, limit=2)
        assert count > 2
        assert [each.file_id for each in due] == ["f1", "f2"]
        rest = store.unclean(now=NOW, limit=9, after="f2")
        assert [each.file_id for each in rest] == ["f3", "f4", "f5"]


def test_a_closed_store_is_unavailable(couchdb_url: str) -> None:
    store = CouchMetadataStore.from_url(couchdb_url)
    store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        store.ping()


def in_forked_child(store: CouchMetadataStore, number: int) -> None:
    for index in range(5):
        save(store, make_record(f"child {number}-{index}"))


def test_forked_children_use_the_store_of_their_parent(couchdb_url: str) -> None:
    context = multiprocessing.get_context("fork")
    with opened(couchdb_url) as store:
        save(store, make_record("shared"))
        children = [context.Process(target=in_forked_child, args=(store, number)) for number in range(2)]
        for child in children:
            child.start()
        for index in range(5):
            save(store, make_record(f"parent {index}"))
        for child in children:
            child.join(PATIENCE_SECONDS)
            assert child.exitcode == 0
    assert len(assert_intact(couchdb_url)) == 16


def test_green_threads_share_a_store(couchdb_url: str) -> None:
    """As in the nameko service, where eventlet stands in for threads and sockets."""
    work = """
        import eventlet
        eventlet.monkey_patch()
        import sys
        from storage_adapters.metadata.couchdb import CouchMetadataStore
        from tests.contract.metadata_scenes import make_record, save
        store = CouchMetadataStore.from_url(sys.argv[1])
        def write(number):
            record = save(store, make_record(f"f{number}", alias=f"{number}"))
            return save(store, record, name="changed")
        results = [eventlet.spawn(write, number) for number in range(8)]
        assert [each.wait().revision for each in results] == [2] * 8
        store.close()
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(work), couchdb_url]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], timeout=300)
    assert len(assert_intact(couchdb_url)) == 8
