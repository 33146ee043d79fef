"""The error tree, its drawing, its way over the wire, and the bridge from the stores' errors."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nameko.exceptions import deserialize, serialize

import files_service.errors as errors
import storage_adapters as storage
from files_service.errors import (
    STORAGE_ERRORS,
    FilesError,
    error_classes,
    error_from_wire,
    storage_errors_as_files_errors,
)
from tests.contract.metadata_scenes import make_record

CLASSES = list(error_classes().values())
BLOB = storage.BlobInfo(bucket="b", key="k", size=1, content_type="c", created_at=1, generation="g")
TOMBSTONE = storage.Tombstone(file_id="F", owner="ann", revision=2, deleted_at=1, clean_after=1)
RAISED: dict[type[storage.StorageError], tuple[storage.StorageError, type[FilesError]]] = {
    storage.StorageError: (storage.StorageError("secret path"), errors.InternalError),
    storage.RecordNotFound: (storage.RecordNotFound("F"), errors.NotFound),
    storage.RecordDeleted: (storage.RecordDeleted(TOMBSTONE), errors.NotFound),
    storage.RevisionConflict: (storage.RevisionConflict("F"), errors.Conflict),
    storage.NameTaken: (storage.NameTaken("alias", "a", "F"), errors.AliasTaken),
    storage.CheckpointConflict: (storage.CheckpointConflict("relay"), errors.Conflict),
    storage.UploadNotFound: (storage.UploadNotFound("U"), errors.NotFound),
    storage.UploadConflict: (storage.UploadConflict("sealed"), errors.Conflict),
    storage.ChunkGone: (storage.ChunkGone("aa"), errors.Conflict),
    storage.BlobDamaged: (storage.BlobDamaged("k"), errors.BytesLost),
    storage.BlobNotFound: (storage.BlobNotFound("k"), errors.NotFound),
    storage.BlobExists: (storage.BlobExists(BLOB), errors.Conflict),
    storage.NoAddress: (storage.NoAddress("k"), errors.NotSupported),
    storage.InvalidKey: (storage.InvalidKey("../x"), errors.BadRequest),
    storage.InvalidSignature: (storage.InvalidSignature("expired"), errors.Forbidden),
    storage.ChecksumMismatch: (storage.ChecksumMismatch("md5", "a", "b"), errors.PartMismatch),
    storage.StorageDenied: (storage.StorageDenied("403"), errors.StorageDenied),
    storage.KeyUnavailable: (storage.KeyUnavailable("deleted"), errors.KeyUnavailable),
    storage.SchemaMismatch: (storage.SchemaMismatch("redis", found="2", known="1"), errors.StorageUnavailable),
    storage.NoStore: (storage.NoStore("sqlite:///tmp/none.db"), errors.StorageUnavailable),
    storage.NoAnswerInTime: (storage.NoAnswerInTime("408"), errors.StorageUnavailable),
    storage.OrderUnavailable: (storage.OrderUnavailable(found="13.0", known="14.0"), errors.StorageUnavailable),
    storage.UnreadableRecord: (
        storage.UnreadableRecord(make_record(), "status", "archived"),
        errors.StorageUnavailable,
    ),
    storage.DocumentNotFound: (storage.DocumentNotFound("accounts/ann"), errors.NotFound),
    storage.InvalidDocument: (storage.InvalidDocument("the id is too long"), errors.BadRequest),
    storage.StorageFull: (storage.StorageFull("no space left"), errors.InsufficientStorage),
    storage.StorageUnavailable: (storage.StorageUnavailable("locked"), errors.StorageUnavailable),
}


def subclasses(of: type[Any]) -> set[type[Any]]:
    return {of}.union(*(subclasses(each) for each in of.__subclasses__()))


def test_codes_are_unique_and_every_class_has_one() -> None:
    assert set(CLASSES) == subclasses(FilesError)
    assert all(re.fullmatch("[a-z_]+", cls.code) and 400 <= cls.http_status < 600 for cls in CLASSES)


def test_every_class_says_what_it_means() -> None:
    assert all(cls.__doc__ for cls in CLASSES)


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3})  (\w+)", errors.__doc__ or "")
    assert drawn == [(cls.__name__, str(cls.http_status), cls.code) for cls in FilesError.__subclasses__()]


JSON_VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.lists(st.text())


@given(st.sampled_from(CLASSES), st.text(), st.dictionaries(st.text(), JSON_VALUES))
def test_an_error_crosses_the_wire_as_itself(cls: type[FilesError], message: str, details: dict[str, Any]) -> None:
    error = cls(message, details)
    received = error_from_wire(orjson.loads(orjson.dumps(error.to_wire())))
    assert type(received) is cls
    assert received.details == details
    assert str(received) == (message or cls.code)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_crosses_amqp_as_itself(cls: type[FilesError]) -> None:
    sent = orjson.loads(orjson.dumps(serialize(cls("a message", {"fields": {"name": ["Must not be blank."]}}))))
    assert sent["exc_path"] == f"files_service.errors.{cls.__name__}"
    assert sent["exc_args"] == ["a message", {"fields": {"name": ["Must not be blank."]}}]
    received = cls(*sent["exc_args"])
    assert received.details == {"fields": {"name": ["Must not be blank."]}}
    assert deserialize(sent) is not None


@pytest.mark.parametrize(
    "value", [{}, {"code": "no_such"}, {"code": None, "details": None}, {"code": "x", "details": [1]}, {"details": "x"}]
)
def test_a_strange_answer_is_still_an_error(value: dict[str, Any]) -> None:
    received = error_from_wire(value)
    assert type(received) is FilesError
    assert (received.details, str(received)) == ({}, "files_error")


def test_details_are_a_copy() -> None:
    details = {"a": 1}
    error = errors.Busy("m", details)
    details["a"] = 2
    assert error.details == {"a": 1}
    assert error.args == ("m", {"a": 1})


def test_every_error_of_the_stores_is_mapped() -> None:
    # An adapter's own kinds of these never leave its package as anything else than what they are kinds of.
    public = {each for each in subclasses(storage.StorageError) if each.__module__ == "storage_adapters.errors"}
    assert set(STORAGE_ERRORS) == set(RAISED) == public


@pytest.mark.parametrize("cls", RAISED)
def test_an_error_of_a_store_becomes_ours(cls: type[storage.StorageError]) -> None:
    raised, expected = RAISED[cls]
    with pytest.raises(FilesError) as caught, storage_errors_as_files_errors():
        raise raised
    assert type(caught.value) is expected
    assert caught.value.__cause__ is raised
    assert orjson.dumps(caught.value.to_wire())


def test_the_most_specific_class_stands_first() -> None:
    order = list(STORAGE_ERRORS)
    for index, cls in enumerate(order):
        assert not any(issubclass(later, cls) for later in order[index + 1 :])


def test_a_failure_of_a_store_that_nobody_foresaw_tells_nothing() -> None:
    with pytest.raises(errors.InternalError) as caught, storage_errors_as_files_errors():
        raise storage.StorageError("password=secret")
    assert "secret" not in str(caught.value.to_wire())


def test_taken_names_tell_the_holder() -> None:
    for kind, cls in (("alias", errors.AliasTaken), ("request_id", errors.Conflict)):
        with pytest.raises(cls) as caught, storage_errors_as_files_errors():
            raise storage.NameTaken(kind, "n", "F")
        assert caught.value.details == {"field": kind, "file_id": "F"}


def test_a_mismatch_tells_both_sides() -> None:
    with pytest.raises(errors.PartMismatch) as caught, storage_errors_as_files_errors():
        raise storage.ChecksumMismatch("size", 3, 4)
    assert caught.value.details == {"field": "size", "declared": 3, "actual": 4}


def test_other_exceptions_pass_the_bridge() -> None:
    with pytest.raises(KeyError), storage_errors_as_files_errors():
        raise KeyError("ours")


def test_a_blob_that_exists_is_not_described_to_strangers() -> None:
    with pytest.raises(errors.Conflict) as caught, storage_errors_as_files_errors():
        raise storage.BlobExists(replace(BLOB, key="secret"))
    assert "secret" not in str(caught.value.to_wire())
