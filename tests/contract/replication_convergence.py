"""What is left of many copies, in whatever order they came."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_adapters import FileRecord, NameTaken, Tombstone, open_metadata_store
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import ReplicaStore, delete, make_record, save
from tests.contract.strategies import Write, writes
from tests.scale import at_scale

_NEW_IDS = itertools.count()  # one store serves all examples, and no id is used twice


class ConvergingContract:
    """Whatever happened on the way, a store that was given everything is equal."""

    @settings(max_examples=at_scale(quick=8, default=8, nightly=300), suppress_health_check=list(HealthCheck))
    @given(data=st.data(), written=st.lists(writes(), max_size=25))
    def test_late_doubled_and_cut_batches_end_in_the_same_files(
        self, store: ReplicaStore, data: st.DataObject, written: list[Write]
    ) -> None:
        source = open_metadata_store("memory://")
        assert isinstance(source, ReplicaStore.__mro__[1])
        number = next(_NEW_IDS)
        copies = _write_all(source, written, prefix=f"{number}-")  # type: ignore[arg-type]
        order = data.draw(st.permutations(range(len(copies)))) if copies else []
        extra = data.draw(st.lists(st.sampled_from(order), max_size=10)) if copies else []
        for batch in _cut([copies[index] for index in (*extra, *order)], data):
            store.replicate(batch)
        digest = source.digest()  # type: ignore[attr-defined]
        assert store.digest() == digest
        assert assert_consistent(store) == assert_consistent(source)
        store.discard([copy.file_id for copy in copies])
        assert assert_consistent(store) == []


def _write_all(source: ReplicaStore, written: Sequence[Write], prefix: str) -> list[FileRecord | Tombstone]:
    """Carry out writes; return every state that a file had."""
    copies: list[FileRecord | Tombstone] = []
    records: dict[str, FileRecord | None] = {}
    for write in written:
        file_id = prefix + write.file_id
        record = records.get(file_id, make_record(file_id))
        if record is None or write.stale:
            continue
        if write.changes is None and record.revision:
            copies.append(delete(source, record))
            records[file_id] = None
        elif write.changes is not None:
            with contextlib.suppress(NameTaken):
                records[file_id] = saved = save(source, record, **write.changes)
                copies.append(saved)
    return copies


def _cut(copies: list[FileRecord | Tombstone], data: st.DataObject) -> list[list[FileRecord | Tombstone]]:
    """Cut into batches with at most one copy per file each."""
    batches: list[list[FileRecord | Tombstone]] = [[]]
    for copy in copies:
        if any(copy.file_id == other.file_id for other in batches[-1]) or data.draw(st.integers(0, 3)) == 0:
            batches.append([])
        batches[-1].append(copy)
    return batches
