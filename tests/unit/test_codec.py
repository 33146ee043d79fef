"""Records as documents and back: nothing is lost, and equal records are equal bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters import (
    DIGEST_BUCKETS,
    BlobInfo,
    Failure,
    FileRecord,
    Lease,
    Part,
    Tombstone,
    digest_bucket,
    digest_halves,
    record_from_document,
    record_from_json,
    record_to_document,
    record_to_json,
)
from storage_adapters.codec import (
    FIELDS_OF_0_1,
    blob_info_from_document,
    blob_info_to_document,
    tombstone_from_document,
    tombstone_to_document,
)
from tests.contract.metadata_scenes import NOW, make_part, make_record, various_records
from tests.contract.strategies import records

FULL = make_record(
    grantees=("bob",),
    alias="film",
    tags=("red",),
    meta={"b": 1, "a": {"z": None, "y": [1, 2.5, True, "é\0"]}},
    parts=(make_part("p0", md5="0" * 32, generation="1", received_at=NOW), make_part("p1")),
    upload_expires_at=NOW,
    error=Failure(code="sniffed", message="not a video", attempts=2),
    lease=Lease(worker="w", until=NOW),
    post_action={"hook": ["x"]},
    revision=7,
)


@pytest.mark.parametrize("record", [FULL, *various_records()])
def test_a_record_comes_back_as_it_was(record: FileRecord) -> None:
    assert record_from_document(record_to_document(record)) == record
    assert record_from_document(record_to_document(record).decode()) == record
    assert record_from_json(record_to_json(record)) == record


@given(records(st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_record_comes_back_as_it_was(record: FileRecord) -> None:
    assert record_from_document(record_to_document(record)) == record


def test_a_document_holds_every_field_by_its_name() -> None:
    assert tuple(orjson.loads(record_to_document(FULL))) == FIELDS_OF_0_1["FileRecord"]


def test_equal_records_are_equal_bytes() -> None:
    other = replace(FULL, meta={"a": {"y": [1, 2.5, True, "é\0"], "z": None}, "b": 1})
    assert other == FULL
    assert record_to_document(other) == record_to_document(FULL)
    assert digest_halves(other) == digest_halves(FULL)
    assert record_to_document(record_from_document(record_to_document(FULL))) == record_to_document(FULL)


@pytest.mark.parametrize(
    "change", [{"revision": 8}, {"name": "x"}, {"meta": {}}, {"parts": ()}, {"lease": None}, {"tags": ()}]
)
def test_records_that_differ_have_other_hashes(change: dict[str, Any]) -> None:
    assert digest_halves(replace(FULL, **change)) != digest_halves(FULL)


def test_text_that_is_no_unicode_has_no_document() -> None:
    with pytest.raises(TypeError):
        record_to_document(make_record(name="\ud800"))


def test_hashes_and_buckets_keep_their_ranges_and_never_change() -> None:
    buckets = {digest_bucket(f"f{number}") for number in range(5_000)}
    assert buckets == set(range(DIGEST_BUCKETS))
    assert all(0 <= half < 2**32 for record in various_records() for half in digest_halves(record))
    assert digest_bucket("01HF7YAT00000000000000TEST") == 116
    assert digest_halves(make_record(created_at=1, parts=(), meta={"b": 1, "a": 2})) == (1494843088, 2292636903)


@pytest.mark.parametrize("parts", [(), (make_part("p0", sha256="0" * 64), make_part("p1"))])
def test_a_tombstone_comes_back_as_it_was(parts: tuple[Part, ...]) -> None:
    tombstone = Tombstone(
        file_id="f1",
        owner="ann",
        revision=3,
        deleted_at=NOW,
        clean_after=NOW + 1,
        parts=parts,
    )
    assert tombstone_from_document(tombstone_to_document(tombstone)) == tombstone


def test_what_is_known_of_a_blob_comes_back_as_it_was() -> None:
    info = BlobInfo(
        bucket="films", key="a/b", size=7, content_type="video/mp4", created_at=NOW, generation="1", md5="0" * 32
    )
    assert blob_info_from_document(blob_info_to_document(info)) == info
