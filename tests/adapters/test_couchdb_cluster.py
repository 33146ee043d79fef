"""A CouchDB cluster as the primary: what its answers say otherwise than those of one node.

A proxy before the stand-in gives such answers: 202 where a quorum is missing, sequences that each node counts for
itself, and what a refused write leaves behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service.core import Core
from files_service.services.files import require
from files_service.services.opening import open_core
from files_service.worker.relay import Relay
from storage_adapters import (
    RevisionConflict,
    StorageUnavailable,
    SupportsChanges,
    open_metadata_store,
)
from storage_adapters.metadata.couchdb import CouchMetadataStore
from tests.contract.metadata_scenes import NOW, make_record, save
from tests.cores import call, settings_for
from tests.feeds import by_file, file_changes
from tests.publishers import Collector
from tests.servers.couchdb import raw
from tests.servers.faulty import FaultyProxy


class Cluster:
    """The proxy, and what it does as a cluster would."""

    def __init__(self, proxy: FaultyProxy, url: str) -> None:
        parts = urlsplit(url)
        self.url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()
        self.direct = url
        # Below this part of a path, writes are taken by too few nodes.
        self.without_quorum = ""
        # The node that counts the changes, and how many fewer it has counted than the first one.
        self.node, self.behind = "a", 0
        self.leaves_siblings = False
        proxy.ask, proxy.tell = self.ask, self.tell

    def ask(self, path: str) -> str:
        """Turn the sequences of nodes into those of the stand-in."""
        return re.sub(r"since=\d+-\w+-(\d+)", r"since=\1", path)

    def tell(self, command: str, path: str, body: bytes, status: int, content: bytes) -> tuple[int, bytes]:
        """Answer as a cluster."""
        if status == 409 and command == "PUT" and self.leaves_siblings:
            self.leaves_siblings = False
            self._leave(path, json.loads(body))
        if status == 201 and self.without_quorum and self.without_quorum in f"{command} {path}":
            return 202, content
        if command != "GET" or status != 200 or not content.startswith(b"{"):
            return status, content
        said = json.loads(content)
        if "update_seq" in said:
            said |= {"update_seq": self._named(said["update_seq"]), "cluster": {"q": 4, "n": 3, "w": 2, "r": 2}}
        elif "last_seq" in said:
            said["last_seq"] = self._named(said["last_seq"])
            said["results"] = [{**row, "seq": self._named(row["seq"])} for row in said["results"]]
        return status, json.dumps(said).encode()

    def _named(self, sequence: int | str) -> str:
        number = int(sequence)
        return f"{max(1, number - self.behind)}-{self.node}-{number}" if number else "0"

    def _leave(self, path: str, document: dict[str, Any]) -> None:
        """Keep what was refused at one node; its revision has the greater name."""
        generation = int(str(document.get("_rev", "0")).partition("-")[0]) + 1
        database = path.strip("/").partition("/")[0]
        left = {**document, "_rev": f"{generation}-{'f' * 32}"}
        with raw(self.direct) as ask:
            ask("POST", database, "_bulk_docs", body={"docs": [left], "new_edits": False})


@pytest.fixture
def cluster(couchdb_url: str) -> Iterator[Cluster]:
    port = urlsplit(couchdb_url).port
    assert port is not None
    with FaultyProxy(port) as proxy:
        yield Cluster(proxy, couchdb_url)


@pytest.fixture
def store(cluster: Cluster) -> Iterator[CouchMetadataStore]:
    opened = open_metadata_store(cluster.url)
    assert isinstance(opened, CouchMetadataStore)
    with closing(opened):
        yield opened


@pytest.mark.parametrize("part", ["PUT ", "_feed/_bulk_docs"])
def test_a_write_without_a_quorum_is_not_acknowledged_and_is_announced_once_where_it_is_kept(
    cluster: Cluster, store: CouchMetadataStore, part: str
) -> None:
    save(store, make_record("f1"))
    cluster.without_quorum = part
    changed = replace(make_record("f1"), name="other", revision=1)
    with pytest.raises(StorageUnavailable):
        store.save(changed, expected_revision=1, changed_at=NOW, event="updated")
    cluster.without_quorum = ""
    with pytest.raises(RevisionConflict):
        store.save(changed, expected_revision=1, changed_at=NOW, event="updated")
    assert store.get("f1").name == "other"
    assert [change.revision for change in file_changes(store)] == [1, 2]


def test_a_refused_write_that_one_node_kept_never_hides_the_accepted_one(
    cluster: Cluster, store: CouchMetadataStore
) -> None:
    save(store, make_record("f1"))
    with closing(open_metadata_store(cluster.url)) as other:
        other.get("f1")
        accepted = replace(make_record("f1"), name="accepted", revision=1)
        store.save(accepted, expected_revision=1, changed_at=NOW, event="updated")
        cluster.leaves_siblings = True
        with pytest.raises(RevisionConflict):
            other.save(replace(accepted, name="refused"), expected_revision=1, changed_at=NOW, event="updated")
        assert not cluster.leaves_siblings, "the write did not reach the server"
    assert store.get("f1").name == "accepted"
    store.save(replace(accepted, name="next"), expected_revision=2, changed_at=NOW, event="updated")
    assert [change.record.name for change in file_changes(store)] == ["Film.mp4", "accepted", "next"]


def test_a_checkpoint_misses_nothing_when_another_node_counts_the_changes(
    cluster: Cluster, store: CouchMetadataStore
) -> None:
    for number in range(6):
        save(store, make_record(f"f{number}"))
    seen = file_changes(store, limit=4)
    store.move_checkpoint("slow", expected="", sequence=seen[-1].sequence)
    cluster.node, cluster.behind = "b", 5
    last = store.last_sequence()
    store.move_checkpoint("fast", expected="", sequence=last)
    # By its number, the last sequence of this node is before the checkpoint.
    assert not store.has_passed(last, seen[-1].sequence)
    assert store.has_changes_behind(seen[-1].sequence)
    assert store.trim_changes(limit=100) == 4
    assert [change.file_id for change in file_changes(store, after=seen[-1].sequence)] == ["f4", "f5"]
    assert [change.file_id for change in file_changes(store)] == ["f4", "f5"]


def test_the_relay_loses_nothing_when_nodes_take_turns(cluster: Cluster, tmp_path: Path) -> None:
    publisher = Collector()
    with closing(open_core(settings_for(tmp_path, FILES_METADATA_URL=cluster.url))) as core:
        relays = [Relay(core, publisher, holder=str(number)) for number in range(2)]
        expected: list[str] = []
        for number, (node, behind) in enumerate([("a", 0), ("b", 7), ("c", 3), ("a", 0), ("b", 7)]):
            cluster.node, cluster.behind = node, behind
            expected += [upload(core) for _ in range(3)]
            for _ in range(4):
                relays[number % 2].step()
            relays[number % 2].give_up()
        # Some partitions may stand at places of other nodes: they take turns.
        feed = require(core.metadata, SupportsChanges)
        assert not feed.checkpoint("relay")
        assert by_file(publisher.ids) == by_file(expected)


def upload(core: Core) -> str:
    token: str = call(core, "files.upload", owner="ann", name="a", parts=[{"size": 5}])["change_token"]
    return token
