"""Documents of a store beside those of the one in memory, under the same random calls."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from storage_adapters import Document, DocumentKey, StorageError, SupportsDocuments
from storage_adapters.metadata.memory.store import MemoryMetadataStore
from storage_adapters.ports.documents import TOMBSTONE_MS
from tests.contract.document_scenes import NOW, DocumentStore, make_document, told

CALLS, LOOK_EVERY = 120, 30
IDS = ["a", "b", "c", "d\0", "é"]
KEYS = [DocumentKey(collection, document_id) for collection in ("accounts", "sessions") for document_id in IDS]
TIMES = [1, 2, 5, TOMBSTONE_MS]

Call = Callable[[SupportsDocuments], object]


def outcome(call: Call, store: SupportsDocuments) -> object:
    """What a call returns, or the kind of error it raises."""
    try:
        return call(store)
    except StorageError as error:
        return type(error)


def random_call(chosen: Random, model: MemoryMetadataStore, now: int) -> Call:
    """A call that is likely to do something, or is refused for a reason worth having."""
    key = chosen.choice(KEYS)
    there = model.stored_documents([key])[0]
    revision = there.revision if there is not None and there.is_visible(now) else 0
    expected = revision if chosen.random() < 0.9 else revision + 1
    document = make_document(
        key.document_id,
        collection=key.collection,
        order=chosen.choice(["", "x", "x\0", "é"]),
        # One at most: of two that are taken, stores differ in which they find first, and remove an expired bearer of.
        names=tuple(chosen.sample(["ann", "bob", "3:x"], chosen.randrange(2))),
        expires_at=chosen.choice([None, now + 3, now + 30]),
        updated_at=now,
        body={"number": chosen.randrange(1_000)},
        unknown=chosen.choice([{}, {"later": 1}]),
    )
    match chosen.choice(["put", "put", "put", "delete", "replicate", "discard", "expire", "forget"]):
        case "put":
            return lambda store: store.put_document(document, expected_revision=expected)
        case "delete":
            return lambda store: store.delete_document(*key, expected_revision=expected, deleted_at=now)
        case "replicate":
            copy = _copy(document, (there.revision if there else 5) + chosen.randrange(-1, 3))
            force = chosen.random() < 0.3
            return lambda store: store.replicate_documents([copy], force=force)
        case "discard":
            return lambda store: store.discard_documents([key])
        case "expire":
            return lambda store: store.expire_documents(now=now, limit=20)
        case _:
            return lambda store: store.forget_documents(now=now, limit=20)


def _copy(document: Document, revision: int) -> Document:
    # Names of copies are their own, so that nobody has to choose between two bearers.
    names = tuple(f"{name} of {document.document_id}" for name in document.names)
    return make_document(
        document.document_id,
        collection=document.collection,
        names=names,
        order=document.order,
        expires_at=document.expires_at,
        updated_at=document.updated_at,
        revision=revision,
    )


def in_order(documents: list[Document]) -> list[Document]:
    """Each document's changes in their order: those that expire at one time may be removed in any."""
    return sorted(documents, key=lambda document: document.key)


class DocumentModelContract:
    """Whatever is called in whatever order, the answers are those of the model."""

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_random_calls_have_the_outcome_that_they_have_in_memory(self, store: DocumentStore, seed: int) -> None:
        chosen, model, now = Random(seed), MemoryMetadataStore(), NOW
        for number in range(1, CALLS + 1):
            now += chosen.choice(TIMES) if chosen.random() < 0.2 else 0
            call = random_call(chosen, model, now)
            assert outcome(call, store) == outcome(call, model), (number, now)
            if number % LOOK_EVERY == 0:
                assert store.stored_documents(KEYS) == model.stored_documents(KEYS)
                assert in_order(told(store)) == in_order(told(model))
                assert store.document_digest() == model.document_digest()
        store.expire_documents(now=now, limit=99)
        assert_those_that_are_left(store, now)


def assert_those_that_are_left(store: DocumentStore, now: int) -> None:
    living = [each for each in store.stored_documents(KEYS) if each is not None and each.is_visible(now)]
    assert living
    by_bucket = [document for bucket in range(256) for document in store.bucket_documents(bucket)]
    assert sorted(by_bucket, key=lambda each: each.key) == sorted(living, key=lambda each: each.key)
    for document in living:
        assert store.get_document(*document.key, now=now) == document
        for name in document.names:
            assert store.resolve_document(document.collection, name, now=now) == document
