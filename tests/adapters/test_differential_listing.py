"""All metadata stores do the same: random writes and queries, compared with each other and with an oracle.

The oracle is a dict of records, filtered and sorted. There are fewer examples in which CouchDB takes part, as it takes
ten times as long as the others together; a nightly run has as many.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from storage_adapters import (
    METADATA_STORES,
    FileRecord,
    ListQuery,
    MetadataStore,
    NameTaken,
    RevisionConflict,
    SupportsChanges,
    SupportsDigest,
    open_metadata_store,
)
from storage_adapters.records import names_held
from tests.contract.consistency import assert_consistent, assert_digest, recomputed_usage
from tests.contract.metadata_scenes import NOW, expected, expected_folders, ids, make_record, pages
from tests.contract.strategies import Write, queries, writes
from tests.feeds import file_changes
from tests.folders import ROOT
from tests.scale import at_scale
from tests.servers.couchdb import throw_away as throw_away_databases
from tests.servers.redis import throw_away

EXAMPLES = at_scale(quick=50, default=50, nightly=2_000)
EXAMPLES_OF_ALL = at_scale(quick=5, default=6, nightly=2_000)
URLS: dict[str, Callable[[Path, str, str], str]] = {
    "memory": lambda _, __, ___: "memory://",
    "sqlite": lambda folder, _, __: f"sqlite:///{folder}/files.db",
    "redis": lambda _, redis, __: redis,
    "couchdb": lambda _, __, couchdb: couchdb,
}


class Oracle:
    """What the records are after some writes, worked out without any index."""

    def __init__(self) -> None:
        self.records: dict[str, FileRecord] = {}
        self._deleted: dict[str, int] = {}

    def write(self, write: Write) -> str:
        """Do it; say how it ends."""
        record = self.records.get(write.file_id)
        revision = record.revision if record else 0
        if write.stale or write.file_id in self._deleted or (write.changes is None and record is None):
            return "conflict"
        if write.changes is None:
            self._deleted[write.file_id] = revision
            del self.records[write.file_id]
            return "done"
        new = self.changed(write)
        for kind, name in names_held(new):
            for other in self.records.values():
                same = other.owner == new.owner and dict(names_held(other)).get(kind) == name
                if same and other.file_id != new.file_id:
                    return f"{kind} of {other.file_id}"
        self.records[write.file_id] = replace(new, revision=revision + 1)
        return "done"

    def changed(self, write: Write) -> FileRecord:
        """The record that the write wants, at the revision that it expects."""
        record = self.records.get(write.file_id) or make_record(write.file_id)
        changed = replace(record, **write.changes or {})
        return replace(changed, revision=changed.revision + 5) if write.stale else changed


def attempt(store: MetadataStore, write: Write, record: FileRecord) -> str:
    """Write to a store; say how it ended."""
    try:
        if write.changes is None:
            store.delete(record.file_id, expected_revision=record.revision, deleted_at=NOW, event=None, clean_after=NOW)
        else:
            store.save(record, expected_revision=record.revision, changed_at=NOW, event=None)
    except RevisionConflict:
        return "conflict"
    except NameTaken as error:
        return f"{error.kind} of {error.file_id}"
    return "done"


_ACTIONS = st.lists(writes() | writes() | queries(), min_size=5, max_size=30)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=_ACTIONS)
@example(actions=[ListQuery()])
def test_all_stores_but_couchdb_agree_with_the_oracle(redis_server_url: str, actions: list[Write | ListQuery]) -> None:
    with ExitStack() as stack:
        redis_url = stack.enter_context(throw_away(redis_server_url))
        compare(redis_url, None, actions)


@pytest.mark.timeout(max(600, 10 * EXAMPLES_OF_ALL))
@settings(max_examples=EXAMPLES_OF_ALL, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=_ACTIONS)
@example(actions=[ListQuery()])
def test_all_stores_agree_with_the_oracle(
    redis_server_url: str, couchdb_server_url: str, actions: list[Write | ListQuery]
) -> None:
    assert {METADATA_STORES[scheme] for scheme in URLS} == set(METADATA_STORES.values())
    with ExitStack() as stack:
        redis_url = stack.enter_context(throw_away(redis_server_url))
        couchdb_url = stack.enter_context(throw_away_databases(couchdb_server_url))
        compare(redis_url, couchdb_url, actions)


def compare(redis_url: str, couchdb_url: str | None, actions: list[Write | ListQuery]) -> None:
    """Do the same to all stores, and ask them the same."""
    oracle = Oracle()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get(ROOT))))
        stores = {
            scheme: stack.enter_context(closing(open_metadata_store(url(folder, redis_url, couchdb_url or ""))))
            for scheme, url in URLS.items()
            if scheme != "couchdb" or couchdb_url is not None
        }
        for action in actions:
            if isinstance(action, Write):
                wanted = oracle.changed(action)
                outcome = oracle.write(action)
                note(outcome)
                assert {scheme: attempt(store, action, wanted) for scheme, store in stores.items()} == dict.fromkeys(
                    stores, outcome
                )
            else:
                assert_lists(stores, list(oracle.records.values()), action)
        assert_lists(stores, list(oracle.records.values()), ListQuery(order_by="name", limit=3))
        assert_rest(stores, list(oracle.records.values()))


def assert_lists(stores: dict[str, MetadataStore], records: list[FileRecord], query: ListQuery) -> None:
    """Every store walks through what the oracle says, in pages that look at no more than they may."""
    wanted, folders = expected(records, query), expected_folders(records, query)
    for scheme, store in stores.items():
        walked = list(pages(store, query))
        assert [record for page in walked for record in page.records] == wanted, (scheme, query)
        assert [folder for page in walked for folder in page.folders] == folders, (scheme, query)
        for page in walked[:-1]:
            is_full = len(page.records) + len(page.folders) == query.limit
            assert is_full or query.scan_limit <= len(records), (scheme, query)


def assert_rest(stores: dict[str, MetadataStore], records: list[FileRecord]) -> None:
    """Counters, digest and feed follow from the oracle's records too."""
    usage = {owner: recomputed_usage(r for r in records if owner in (None, r.owner)) for owner in (None, "ann", "bob")}
    feeds = []
    for store in stores.values():
        assert {owner: store.usage(owner) for owner in usage} == usage
        if isinstance(store, SupportsDigest):
            assert_digest(store, records)
        if isinstance(store, SupportsChanges):
            changes = file_changes(store, after="", limit=1_000)
            feeds.append([(c.record, c.deleted, c.event, c.changed_at) for c in changes])
    assert all(feed == feeds[0] for feed in feeds)
    for scheme, store in stores.items():
        # CouchDB's indexes follow from its documents by themselves; the contract looks at all of them.
        if scheme != "couchdb":
            assert sorted(ids(assert_consistent(store))) == sorted(ids(records))
