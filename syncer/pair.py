"""The two stores of a syncer: the source, which is written to, and the target, which is its copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from storage_adapters import (
    FileRecord,
    MetadataStore,
    RecordDeleted,
    RecordNotFound,
    SupportsChanges,
    SupportsDigest,
    SupportsReplication,
    Tombstone,
    open_metadata_store,
    sync_name,
)

State = FileRecord | Tombstone | None


class Unsuitable(ValueError):
    """The two URLs cannot be a pair: a capability is missing, or both name one store."""


class SourceStore(MetadataStore, SupportsChanges, SupportsDigest):
    """What a source can do at least."""


class TargetStore(MetadataStore, SupportsReplication, SupportsDigest):
    """What a target can do at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two open stores. ``name`` is the target's, without user and password: ``storage_adapters.sync_name``."""

    source: SourceStore
    target: TargetStore
    source_name: str
    name: str

    @property
    def consumer(self) -> str:
        """The checkpoint of the copy in the source; it exists from the end of the first backfill on."""
        return f"sync:{self.name}"

    @property
    def backfill_consumer(self) -> str:
        """The checkpoint that holds the place of a backfill, and the feed behind its beginning, while it lasts."""
        return f"backfill:{self.name}"

    def close(self) -> None:
        """Close both."""
        self.source.close()
        self.target.close()


def open_pair(source_url: str, target_url: str) -> Pair:
    """Open both stores. Raises UnknownStore, Unsuitable, StorageUnavailable."""
    source_name, name = sync_name(source_url), sync_name(target_url)
    if source_name == name and not name.startswith("memory:"):
        raise Unsuitable(f"source and target are one store: {name}")
    source = open_metadata_store(source_url)
    try:
        target = open_metadata_store(target_url)
    except BaseException:
        source.close()
        raise
    return pair_of(source, target, source_name=source_name, name=name)


def pair_of(source: MetadataStore, target: MetadataStore, *, source_name: str, name: str) -> Pair:
    """Make a pair of two open stores, or close both."""
    wanted: Sequence[tuple[str, MetadataStore, type]] = [
        ("source", source, SupportsChanges),
        ("source", source, SupportsDigest),
        ("target", target, SupportsReplication),
        ("target", target, SupportsDigest),
    ]
    for role, store, capability in wanted:
        if not isinstance(store, capability):
            source.close()
            target.close()
            raise Unsuitable(f"{type(store).__name__} cannot be a {role}: it lacks {capability.__name__}")
    return Pair(source=cast(SourceStore, source), target=cast(TargetStore, target), source_name=source_name, name=name)


def state_of(store: MetadataStore, file_id: str) -> State:
    """The record or tombstone of a file, None where there never was one."""
    try:
        return store.get(file_id)
    except RecordDeleted as error:
        return error.tombstone
    except RecordNotFound:
        return None


def alike(one: State, other: State) -> bool:
    """Whether two states are the same record, or both none: tombstones tell nothing that a list would show."""
    return (one if isinstance(one, FileRecord) else None) == (other if isinstance(other, FileRecord) else None)


def replica(store: MetadataStore) -> SupportsReplication:
    """The store as one that takes copies. Raises Unsuitable."""
    if not isinstance(store, SupportsReplication):
        raise Unsuitable(f"{type(store).__name__} takes no copies: it lacks SupportsReplication")
    return store
