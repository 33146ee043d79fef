"""Fills a store with everything that a store can hold, and says what it answers.

Runs as a script by the code of any release: ``PYTHONPATH=CHECKOUT python fill.py URL FILES``. So it imports nothing but
root names of ``storage_adapters``, and of those only what version 0.1 has. It prints the answers as JSON.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson

from storage_adapters import (
    SORT_FIELDS,
    Access,
    Chunk,
    Condition,
    Failure,
    FileRecord,
    FileStatus,
    Lease,
    ListQuery,
    Part,
    RecordDeleted,
    RecordNotFound,
    Upload,
    open_metadata_store,
    record_to_document,
)

NOW = 1_750_000_000_000
OWNERS = ("ann", "bob", "3:bob", "Ünal")
# The newer ones are of Unicode 15.0 and 16.0: two letters with case, and a mark that moves before others.
TEXTS = ("Film", "film 2", "straße", "STRASSE", "ﬁlm", "Ａ", "İ", "a\0b", "\U0001f3a5", "e\u0301", "\uffff", "ὈΔΥΣΣΕΎΣ")
NEWER = ("\U00010d50x", "\U00010d70X", "a\u0323\u0897\u0301b", "\ua7da", "\U0001e4ec\u0323")
UPLOADS = ("open", "sealed", "gaps", "unknown-size", "expired")


def record_of(number: int) -> FileRecord:
    """Make a record; every field is now set, now missing, now odd."""
    texts = TEXTS + NEWER
    text = texts[number % len(texts)]
    status = list(FileStatus)[number % 5]
    received = NOW + number if status is not FileStatus.PENDING else None
    parts = tuple(
        Part(
            part_id=f"p{index}",
            type=("video", "image")[index % 2],
            content_type="video/mp4",
            size=number,
            bucket="films",
            key=f"k/{number}/p{index}",
            md5="0" * 32 if number % 2 else None,
            crc32c="0" * 8 if number % 3 else None,
            sha256="0" * 64 if number % 5 == 1 else None,
            generation=str(number) if received else None,
            received_at=received,
        )
        for index in range(number % 3)
    )
    return FileRecord(
        file_id=f"01JXQ0000000000000000{number:05}" if number % 10 else f"odd/ü {number}",
        owner=OWNERS[number % 4],
        name=f"{text}{number // 20}" if number % 2 else text,
        created_at=NOW + number // 4,
        parts=parts,
        size=(number, 0, 1, 2**31, 2**53 + 1 if number < 50 else 7)[number % 5],
        content_type=("video/mp4", "image/png", "")[number % 3],
        status=status,
        access=list(Access)[number // 2 % 4],
        grantees=("bob", "zoë")[: number % 3],
        alias=f"{text}{number}" if number % 3 else None,
        tags=("red", "green", text.lower(), "3:bob")[: number % 5],
        meta={"description": f"About {text}", "b": 1.0, "a": {"z": None, "y": [1, 2.5, True, "é\0"]}}
        if number % 4
        else {},
        temporary=number % 6 == 5,
        immutable=number % 7 == 0,
        expires_at=(NOW, None, 0, NOW + 1)[number % 4],
        upload_expires_at=NOW + 900_000 if status is FileStatus.PENDING else None,
        uploaded_at=received,
        processed_at=NOW + number // 6 if status is FileStatus.PROCESSED else None,
        error=Failure(code="sniffed", message="not a video", attempts=number) if status is FileStatus.FAILED else None,
        lease=Lease(worker="w:1", until=NOW + number) if status is FileStatus.PROCESSING else None,
        request_id=f"request {number}" if number % 2 else None,
        parent_id="01JXQ000000000000000000001" if number % 9 == 1 else None,
        post_action={"update": {"tags": ["x"], "ratio": 1.0}} if number % 8 == 1 else None,
    )


def fill(store: Any, files: int) -> None:
    """Save files, change some, delete some, take over copies, and keep uploads."""
    for number in range(files):
        record = store.save(record_of(number), expected_revision=0, changed_at=NOW + number, event="created")
        if number % 4 == 3:
            record = replace(record, name=record.name.swapcase(), tags=("changed",))
            store.save(record, expected_revision=1, changed_at=NOW + number, event=None)
        if number % 6 == 4:
            store.delete(
                record.file_id,
                expected_revision=record.revision,
                deleted_at=NOW + number,
                event="removed",
                clean_after=NOW + number if number % 12 == 4 else None,
            )
    _copy(store)
    _change_state(store, files)
    _upload(store)


def _copy(store: Any) -> None:
    """Take over copies of which two bear one alias, and a tombstone."""
    first = replace(record_of(1), file_id="copy-1", alias="twice", request_id=None, revision=4)
    store.replicate([first, replace(first, file_id="copy-2", revision=7)])
    store.save(
        replace(record_of(2), file_id="gone", alias=None, request_id=None),
        expected_revision=0,
        changed_at=NOW,
        event="created",
    )
    store.delete("gone", expected_revision=1, deleted_at=NOW, event="removed", clean_after=NOW)
    store.mark_clean("gone")


def _change_state(store: Any, files: int) -> None:
    """Move checkpoints, trim the feed, and hold a lease."""
    first = store.changes(after="", limit=5)
    store.move_checkpoint("relay", expected="", sequence=first[-1].sequence)
    store.move_checkpoint("sync:other", expected="", sequence=first[2].sequence)
    store.trim_changes(limit=2)
    assert store.acquire_lease("sweeper", holder="h:1", now=NOW, until=NOW + files)


def _upload(store: Any) -> None:
    """Keep uploads of every kind, chunks that are named twice, and one that nothing names."""
    for number, upload_id in enumerate(UPLOADS):
        size = None if upload_id == "unknown-size" else 30
        store.create_upload(
            Upload(
                upload_id=upload_id,
                owner=OWNERS[number % 2],
                created_at=NOW,
                expires_at=NOW + 10 * number,
                size=size,
                chunk_size=10,
                details={"ratio": 1.0, "big": 2**60},
            )
        )
        places = {"sealed": (0, 10, 20), "gaps": (0, 20)}.get(upload_id, (0,))
        for offset in places:
            object_id = sha256(b"%d" % offset).hexdigest()
            [place] = store.reserve_chunks(OWNERS[number % 2], [object_id], now=NOW)
            chunk = Chunk(offset=offset, size=10, object_id=object_id, token=place.token)
            store.append_chunks(upload_id, [chunk], expires_at=NOW + number)
    store.seal_upload("sealed", sealed_at=NOW, sha256="0" * 64, md5=None)
    store.reserve_chunks("ann", [sha256(b"unnamed").hexdigest(), sha256(b"kept").hexdigest()], now=NOW)
    mark_garbage = getattr(store, "mark_garbage", None) or store.condemn_chunks  # its name in version 0.1
    assert mark_garbage(unused_before=NOW + 1, limit=1)


def answers(store: Any) -> dict[str, Any]:
    """Ask the store everything."""
    told = {
        "digest": [[each.files, each.high, each.low] for each in store.digest()],
        "usage": {str(owner): orjson.loads(orjson.dumps(store.usage(owner))) for owner in (None, *OWNERS)},
        "lists": {
            f"{field} {descending}": list_ids(store, order_by=field, descending=descending)
            for field in SORT_FIELDS
            for descending in (False, True)
        },
        "filtered": {
            "tag": list_ids(store, owner="ann", tags=("red",)),
            "public": list_ids(store, public_only=True, order_by="name"),
            "pending": list_ids(store, status=FileStatus.PENDING),
            "prefix": list_ids(store, conditions=(Condition(field="name", op="prefix", value="STRASSE"),)),
            "search": list_ids(store, search="ABOUT film"),
        },
        "records": {file_id: shown(store, file_id) for file_id in list_ids(store)},
        "deleted": {file_id: shown(store, file_id) for file_id in ("gone", "01JXQ000000000000000000004")},
        "aliases": store.resolve("bob", "alias", ["twice", "none"]),
        "unclean": [each.file_id for each in store.unclean(now=NOW + 10**6, limit=1_000)],
        "changes": [
            [
                each.file_id,
                each.revision,
                each.deleted,
                each.event,
                each.changed_at,
                orjson.loads(record_to_document(each.record)),
            ]
            for each in store.changes(after="", limit=10_000)
        ],
        "passed": store.has_passed(store.checkpoint("sync:other"), store.checkpoint("relay")),
        "uploads": [orjson.loads(orjson.dumps(store.get_upload(upload_id))) for upload_id in UPLOADS],
        "chunks": [orjson.loads(orjson.dumps(store.list_chunks(each, limit=9))) for each in UPLOADS],
        "ranges": [store.ranges(upload_id) for upload_id in UPLOADS],
        "expired": sorted(each.upload_id for each in store.expired_uploads(now=NOW + 10, limit=9)),
    }
    found: dict[str, Any] = orjson.loads(orjson.dumps(told))
    return found


def list_ids(store: Any, **query: Any) -> list[str]:
    """Return the ids of a whole list, page by page."""
    wanted = ListQuery(limit=50, **query)
    found: list[str] = []
    while True:
        page = store.find(wanted)
        found += [record.file_id for record in page.records]
        if page.next_position is None:
            return found
        wanted = replace(wanted, after=page.next_position)


def shown(store: Any, file_id: str) -> Any:
    """Return what is stored of a file, as JSON."""
    try:
        return orjson.loads(record_to_document(store.get(file_id)))
    except RecordDeleted as error:
        tombstone = orjson.loads(orjson.dumps(error.tombstone))
        # A later field is in the canonical form only where it is used.
        tombstone["parts"] = [{name: part[name] for name in part if name != "crc32"} for part in tombstone["parts"]]
        return tombstone
    except RecordNotFound:
        return None


if __name__ == "__main__":
    with closing(open_metadata_store(sys.argv[1])) as filled:
        fill(filled, int(sys.argv[2]))
        sys.stdout.buffer.write(orjson.dumps(answers(filled), option=orjson.OPT_INDENT_2))
