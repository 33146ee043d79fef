"""Records that grow: who knows a field and who does not write the same bytes, and nobody loses it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from storage_adapters import Failure, FileRecord, Lease, Part, Tombstone, UnreadableRecord, Upload, UploadStatus
from storage_adapters.codec import (
    FIELDS_OF_0_1,
    LEASE_FORM,
    PART_FORM,
    RECORD_FORM,
    VERSION_FORM,
    Form,
    encode_record,
    form_of,
    read_record,
    record_from_document,
    record_to_document,
    record_to_json,
    tombstone_from_document,
    tombstone_to_document,
)
from storage_adapters.metadata.couchdb.records import encode, file_document, parse_document, tombstone_document
from storage_adapters.metadata.redis.records import parse_value, record_to_value, tombstone_to_value
from storage_adapters.records import Growing, field_names
from tests.contract.metadata_scenes import NOW, make_part, make_record, various_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Media(Growing):
    """A value that came later as a whole."""

    width: int = 0
    codec: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Growing):
    parts: tuple[Part, ...] = ()
    media: Media | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterRecord(FileRecord):
    """A record as a later version knows it."""

    tenant: str = ""
    place: str | None = None
    takes: tuple[Take, ...] = ()
    labels: dict[str, Any] | None = None


def _take(value: dict[str, Any]) -> Take:
    media = value.get("media")
    parts = tuple(form_of(Part).from_json(dict(part)) for part in value.get("parts", ()))
    return Take(parts=parts, media=None if media is None else form_of(Media).build({}, media))


LATER = Form(
    LaterRecord,
    FIELDS_OF_0_1["FileRecord"],
    {
        "takes": lambda values: tuple(_take(each) for each in values),
        "versions": lambda values: tuple(VERSION_FORM.from_json(each) for each in values),
    },
)
TAKES = (Take(parts=(make_part(),), media=Media(width=3)), Take(media=Media(codec="h264")))
UNKNOWN: tuple[tuple[str, Any], ...] = (("ratio", 1.0), ("size_of_it", 2**60), ("where", {"a": None, "b": [1, "é"]}))


def later_record(**fields: Any) -> LaterRecord:
    plain = make_record(meta={"b": 1, "a": 2.0}, post_action={"z": 1, "a": 1}, revision=3)
    return LaterRecord(**{name: getattr(plain, name) for name in field_names(FileRecord)} | fields)


def grown(**fields: Any) -> FileRecord:
    """A record with unknown fields wherever there can be any."""
    values: dict[str, Any] = {
        "parts": (replace(make_part(), _unknown=UNKNOWN), make_part("p1")),
        "error": Failure(code="c", message="m", attempts=1, _unknown=UNKNOWN[:1]),
        "lease": Lease(worker="w", until=NOW, _unknown=UNKNOWN[1:]),
        "meta": {"b": 1.0, "a": {"d": 1, "c": 2}},
        "revision": 7,
        "_unknown": UNKNOWN,
    }
    return make_record(**values | fields)


def test_the_fields_of_0_1_are_those_of_the_classes_in_their_order() -> None:
    for kind in (FileRecord, Part, Lease, Failure, Tombstone, Upload):
        assert field_names(kind)[: len(FIELDS_OF_0_1[kind.__name__])] == FIELDS_OF_0_1[kind.__name__]


@pytest.mark.parametrize("record", various_records())
def test_fields_that_are_added_change_no_bytes_of_a_record_that_does_not_use_them(record: FileRecord) -> None:
    later = LaterRecord(**{name: getattr(record, name) for name in field_names(FileRecord)})
    assert encode_record(later, LATER) == record_to_document(record)
    assert read_record(orjson.loads(record_to_document(record)), LATER) == later


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": "x"},
        {"place": "a/b", "tenant": "x"},
        {"takes": TAKES, "place": ""},
        {"labels": {"z": 1, "a": {"y": 1.0, "b": 2}}, "_unknown": UNKNOWN},
    ],
)
def test_who_knows_a_field_and_who_does_not_write_the_same_bytes(fields: dict[str, Any]) -> None:
    record = later_record(**fields)
    document = encode_record(record, LATER)
    found = record_from_document(document)
    assert [name for name, _ in found.unknown] == sorted({*fields} - {"_unknown"} | {n for n, _ in record.unknown})
    assert record_to_document(found) == document
    assert read_record(orjson.loads(document), LATER) == record
    changed, changed_later = replace(found, name="new", revision=8), replace(record, name="new", revision=8)
    assert record_to_document(changed) == encode_record(changed_later, LATER)


def test_a_field_that_is_set_back_to_its_default_leaves_no_trace() -> None:
    record = replace(later_record(place="a/b"), place=None)
    assert encode_record(record, LATER) == encode_record(later_record(), LATER)


def test_the_bytes_of_a_grown_record_never_change() -> None:
    assert record_to_document(later_record_as_unknown()).endswith(
        b'"revision":3,"labels":{"a":{"b":2,"y":1.0},"z":1},"place":"a/b"}'
    )


def later_record_as_unknown() -> FileRecord:
    record = later_record(place="a/b", labels={"z": 1, "a": {"y": 1.0, "b": 2}})
    return record_from_document(encode_record(record, LATER))


def test_every_form_of_a_record_keeps_unknown_fields_at_every_place() -> None:
    record = grown()
    assert record_from_document(record_to_document(record)) == record
    assert parse_value(record.file_id, record_to_value(record)) == record
    for size in (1, 2**60):
        document = file_document(replace(record, size=size), rev=None, change=None)
        stored = parse_document(orjson.loads(encode(document | {"_rev": "1-a"})))
        assert stored.record is not None
        assert record_to_document(stored.record) == record_to_document(replace(record, size=size))


def test_every_form_of_a_tombstone_keeps_unknown_fields() -> None:
    parts = (replace(make_part(), _unknown=UNKNOWN),)
    tombstone = Tombstone(
        file_id="f1", owner="ann", revision=3, deleted_at=1, clean_after=2, parts=parts, _unknown=UNKNOWN
    )
    assert tombstone_from_document(tombstone_to_document(tombstone)) == tombstone
    assert parse_value("f1", tombstone_to_value(tombstone)) == tombstone
    document = tombstone_document(tombstone, rev="1-a", change=None, last=None)
    assert parse_document(orjson.loads(encode(document))).tombstone == tombstone


def test_an_upload_keeps_unknown_fields() -> None:
    form = form_of(Upload)
    upload = Upload(upload_id="u", owner="o", created_at=1, expires_at=2, chunk_size=3, _unknown=UNKNOWN)
    found = orjson.loads(orjson.dumps(form.values(upload)))
    assert form.from_json(found | {"status": UploadStatus(found["status"])}) == upload


def test_no_answer_shows_what_this_version_does_not_know() -> None:
    shown = record_to_json(grown())
    assert tuple(shown) == field_names(FileRecord)
    assert all(tuple(part) == field_names(Part) for part in shown["parts"])
    assert (tuple(shown["error"]), tuple(shown["lease"])) == (field_names(Failure), field_names(Lease))
    assert b'"ratio"' not in orjson.dumps(grown())


def test_unknown_fields_tell_records_apart_and_leave_values_hashable() -> None:
    assert grown() != grown(_unknown=())
    assert record_to_document(grown()) != record_to_document(grown(_unknown=()))
    assert len({replace(make_part(), _unknown=UNKNOWN), make_part()}) == 2


@pytest.mark.parametrize(
    ("field", "value"), [("status", "archived"), ("access", "friends"), ("status", None), ("access", [7])]
)
def test_a_value_that_is_not_known_is_named_with_its_file(field: str, value: object) -> None:
    document = orjson.loads(record_to_document(grown())) | {field: value}
    with pytest.raises(UnreadableRecord, match=re.escape(f"file 'f1' has the {field} {value!r}")) as raised:
        record_from_document(orjson.dumps(document))
    assert raised.value.rest.file_id == "f1"


def test_of_two_values_that_are_not_known_one_is_named() -> None:
    document = orjson.loads(record_to_document(make_record())) | {"status": "archived", "access": "friends"}
    with pytest.raises(UnreadableRecord, match="archived"):
        record_from_document(orjson.dumps(document))


def test_a_form_without_later_fields_is_closed_so_that_the_fast_way_is_taken() -> None:
    assert LEASE_FORM.is_closed
    assert not PART_FORM.is_closed
    assert not RECORD_FORM.is_closed
    assert not LATER.is_closed
