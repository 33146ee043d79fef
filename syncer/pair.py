"""The two stores of a syncer: the source, which is written to, and the target, which is its copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from storage_adapters import (
    CopySource,
    CopyTarget,
    Document,
    DocumentKey,
    FileRecord,
    MetadataStore,
    RecordDeleted,
    RecordNotFound,
    SupportsChanges,
    SupportsDigest,
    SupportsDocuments,
    SupportsIdentity,
    SupportsReplication,
    Tombstone,
    consumers_of,
    open_made_store,
    open_metadata_store,
    sync_name,
)

Key = str | DocumentKey
State = FileRecord | Tombstone | Document | None


class Unsuitable(ValueError):
    """The two URLs cannot be a pair: a capability is missing, or both name one store."""


class SourceStore(CopySource, SupportsDigest):
    """Least capabilities of a source."""


class TargetStore(CopyTarget, SupportsReplication, SupportsDigest):
    """Least capabilities of a target."""


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
        return consumers_of(self.name)[0]

    @property
    def backfill_consumer(self) -> str:
        """The checkpoint that holds the place of a backfill, and the feed behind its beginning, while it lasts."""
        return consumers_of(self.name)[1]

    def close(self) -> None:
        """Close both."""
        self.source.close()
        self.target.close()


def open_source(url: str) -> SourceStore:
    """Open the source alone. Raises as ``open_pair``."""
    return _as_source(open_made_store(url))


def open_pair(source_url: str, target_url: str, *, making: bool) -> Pair:
    """Open both stores; with ``making``, a target that is new is made. The source is the service's to make.

    Raises UnknownStore, Unsuitable, NoStore, StorageUnavailable.
    """
    source_name, name = sync_name(source_url), sync_name(target_url)
    if source_name == name and not name.startswith("memory:"):
        raise Unsuitable(f"source and target are one store: {name}")
    source = open_made_store(source_url)
    try:
        target = (open_metadata_store if making else open_made_store)(target_url)
        return pair_of(source, target, source_name=source_name, name=name)
    except BaseException:
        # While the target is away, this is tried again and again.
        source.close()
        raise


def pair_of(source: MetadataStore, target: MetadataStore, *, source_name: str, name: str) -> Pair:
    """Make a pair of two open stores. Raises Unsuitable."""
    _require("target", target, SupportsReplication, SupportsDigest, SupportsDocuments, SupportsIdentity)
    return Pair(source=_as_source(source), target=cast(TargetStore, target), source_name=source_name, name=name)


def _as_source(store: MetadataStore) -> SourceStore:
    _require("source", store, SupportsChanges, SupportsDigest, SupportsDocuments, SupportsIdentity)
    return cast(SourceStore, store)


def _require(role: str, store: MetadataStore, *capabilities: type) -> None:
    for capability in capabilities:
        if not isinstance(store, capability):
            raise Unsuitable(f"{type(store).__name__} cannot be a {role}: it lacks {capability.__name__}")


def state_of(store: MetadataStore, key: Key) -> State:
    """Return the record, document or tombstone under a file id or key, None where there never was one."""
    if isinstance(key, DocumentKey):
        assert isinstance(store, SupportsDocuments)
        return store.stored_documents([key])[0]
    try:
        return store.get(key)
    except RecordDeleted as error:
        return error.tombstone
    except RecordNotFound:
        return None


def alike(one: State, other: State) -> bool:
    """Return True when two states are the same, or neither exists: lists show nothing of tombstones."""
    return living(one) == living(other)


def living(state: State) -> FileRecord | Document | None:
    """Return the state of what is there, None for a tombstone."""
    if isinstance(state, FileRecord):
        return state
    return state if isinstance(state, Document) and not state.deleted else None


def replica(store: MetadataStore) -> SupportsReplication:
    """Return the store as one that takes copies. Raises Unsuitable."""
    if not isinstance(store, SupportsReplication):
        raise Unsuitable(f"{type(store).__name__} does not accept copies: it lacks SupportsReplication")
    return store
