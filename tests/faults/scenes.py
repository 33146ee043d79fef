"""What is killed: for each action the state before it, the call, and what its answer says to its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from files_service.errors import Busy, FilesError
from files_service.services.content import read
from files_service.services.files import change
from files_service.services.processing import take
from files_service.services.uploads.session import Beginning
from files_service.services.uploads.whole import store_whole
from files_service.worker.processor import Processor
from files_service.worker.sweeper import Sweeper
from storage_adapters import JSON, BlobExists, FileStatus, ListQuery, record_to_json
from tests.cores import call, processed_file, put_parts
from tests.faults.world import World


@dataclass(frozen=True)
class Scene:
    """``prepare`` makes what was acknowledged before and returns what ``act`` needs to know.

    ``after_seconds`` pass in between. ``act`` may be repeated; what it returns is the same every time.
    """

    name: str
    prepare: Callable[[World], Any]
    act: Callable[[World, Any], Any]
    after_seconds: float = 1
    # Whether the caller repeats the call before a worker comes by, or after; all the same for the worker's own steps.
    orders: tuple[bool, ...] = (True, False)


def upload(world: World, *contents: bytes, **params: Any) -> JSON:
    parts = [{"size": len(content)} for content in contents]
    return call(world.core, "files.upload", **{"owner": "ann", "name": "clip", "parts": parts, **params})


def deliver(world: World, record: JSON, contents: list[bytes]) -> None:
    """Store parts as the holder of the signed addresses does: bytes that are there already are fine."""
    for part, content in zip(record["parts"], contents, strict=True):
        try:
            world.core.blobs.put(part["key"], [content], content_type=part["content_type"], now=world.clock())
        except BlobExists:
            continue


def finished(world: World, *contents: bytes, **params: Any) -> str:
    """An upload with all parts finished, not yet processed."""
    record = upload(world, *contents, **params)
    put_parts(world.core, record, list(contents))
    for part in record["parts"]:
        call(world.core, "files.finish", file_id=record["file_id"], part_id=part["part_id"])
    file_id: str = record["file_id"]
    return file_id


def chosen(record: JSON, *fields: str) -> JSON:
    return {name: record[name] for name in fields}


def declare(world: World, known: Any) -> Any:
    record = upload(world, b"abc", b"de", alias="cover", tags=["x", "y"], access="public", request_id="r1")
    return chosen(record, "owner", "name", "alias", "tags", "access", "size", "status")


def deliver_and_finish(world: World, record: JSON) -> Any:
    deliver(world, record, [b"abc", b"defgh"])
    answers = [call(world.core, "files.finish", file_id=record["file_id"], part_id=p) for p in ("p0", "p1")]
    return chosen(answers[-1], "file_id", "parts_total")


def send_whole(world: World, known: Any) -> Any:
    """Send a small file whole; after a crash go on with what is left of it, as the holder of a signed address does."""
    core = world.core
    found = [record for record in core.metadata.find(ListQuery(owner="ann")).records if record.name == "small"]
    if not found:
        record = store_whole(core, Beginning(owner="ann", size=3, name="small"), b"abc").record
        return [record.name, record.size]
    [record] = found
    if record.status is FileStatus.PENDING:
        deliver(world, record_to_json(record), [b"abc"])
        call(core, "files.finish", file_id=record.file_id, part_id="p0")
    assert b"".join(read(core, core.metadata.get(record.file_id).parts[0])) == b"abc"
    return [record.name, record.size]


def finish_by(world: World, record: JSON, **params: Any) -> Any:
    part = record["parts"][0]
    answer = call(world.core, "files.finish", key=part["key"], bucket=part["bucket"], **params)
    if answer["status"] == "processing":
        raise Busy("somebody else is at it, and waiting took too long")
    return chosen(answer, "file_id", "status", "parts_received", "parts_total")


def stored_upload(world: World, **params: Any) -> JSON:
    record = upload(world, b"abc", **params)
    put_parts(world.core, record, [b"abc"])
    return record


def wrongly_stored_upload(world: World) -> JSON:
    record = upload(world, b"abc")
    put_parts(world.core, record, [b"something else"])
    return record


def refused(world: World, record: JSON) -> Any:
    """The first call says part_mismatch and makes room; a repeated one finds no bytes."""
    try:
        call(world.core, "files.finish", file_id=record["file_id"], part_id="p0")
    except FilesError as error:
        return {"refused": error.code in ("part_mismatch", "not_found")}
    raise AssertionError("wrong bytes were taken")


def process(world: World, file_id: str) -> Any:
    record = call(world.core, "files.process", file_id=file_id)
    return chosen(record, "file_id", "status", "alias", "size", "error")


def update(world: World, file_id: str) -> Any:
    changes = {"name": "new", "alias": "new", "tags": ["b", "c"], "meta": {"k": 1}}
    return chosen(call(world.core, "files.update", file_id=file_id, changes=changes), "name", "alias", "tags", "meta")


def open_to_all(world: World, file_ids: list[str]) -> Any:
    answer = call(world.core, "files.access", file_ids=file_ids, access="public")
    return [chosen(each, "file_id", "ok", "access") for each in answer["files"]]


def remove(world: World, file_id: str) -> Any:
    return chosen(call(world.core, "files.remove", file_id=file_id), "file_id", "removed")


def clone(world: World, file_id: str) -> Any:
    record = call(world.core, "files.clone", file_id=file_id, owner="bob", changes={"name": "copy"})
    return chosen(record, "owner", "name", "size", "parent_id")


def leave_behind(world: World) -> JSON:
    """One of everything that the sweeper is for."""
    lost = stored_upload(world, name="lost notification")
    upload(world, b"abc", name="never sent", request_id="never")
    vanished = finished(world, b"abc", name="worker died")
    change(world.core, vanished, lambda record: take(record, "gone", world.core, force=False))
    temporary = processed_file(world.core, name="temporary", temporary=True, ttl_seconds=60)
    removed_file(world)
    return {"lost": lost["file_id"], "vanished": vanished, "temporary": temporary["file_id"]}


def synced(world: World, known: JSON) -> Any:
    report = call(world.core, "files.sync")
    assert report["errors"] == []
    assert report["next_cursor"] is None
    return True


def relayed(world: World, known: Any) -> Any:
    relay = world.relay()
    while relay.step() == 0:
        pass
    return True


def swept(world: World, file_id: str) -> Any:
    sweeper = Sweeper(world.core, holder="sweeper")
    sweeper.notice_removal(file_id)
    sweeper.step()
    return True


def worked(world: World, known: Any) -> Any:
    processor = Processor(world.core)
    processor.step()
    while processor.work():
        pass
    return True


def two_files(world: World) -> list[str]:
    return [processed_file(world.core, b"one", name=name)["file_id"] for name in ("one", "two")]


def two_uploads(world: World) -> list[str]:
    return [finished(world, b"abc", name=name) for name in ("one", "two")]


def removed_file(world: World) -> str:
    file_id: str = processed_file(world.core, name="removed")["file_id"]
    call(world.core, "files.remove", file_id=file_id)
    return file_id


LATER = 90_000.0
SCENES = [
    Scene("upload", lambda world: None, declare),
    Scene("finish", lambda world: upload(world, b"abc", b"defgh"), deliver_and_finish),
    Scene("whole", lambda world: None, send_whole),
    Scene("finish_skipping", stored_upload, lambda w, r: chosen(finish_by(w, r, skip_processing=True), "file_id")),
    Scene("finish_waiting", stored_upload, lambda world, record: finish_by(world, record, wait=True)),
    Scene("finish_refused", wrongly_stored_upload, refused),
    Scene("process", lambda w: finished(w, b"abc", b"de", post_action={"update": {"alias": "after"}}), process),
    Scene("update", lambda w: processed_file(w.core, alias="old", tags=["a", "b"], access="public")["file_id"], update),
    Scene("access", two_files, open_to_all),
    Scene("remove", lambda world: processed_file(world.core, alias="old", tags=["a"])["file_id"], remove),
    Scene("clone", lambda world: processed_file(world.core, tags=["a"])["file_id"], clone),
    Scene("sync", leave_behind, synced, after_seconds=LATER, orders=(False,)),
    Scene("relay", leave_behind, relayed, orders=(False,)),
    Scene("sweeper", removed_file, swept, after_seconds=LATER, orders=(False,)),
    Scene("processing", two_uploads, worked, orders=(False,)),
]
