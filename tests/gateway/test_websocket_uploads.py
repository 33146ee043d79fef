"""Uploads by WebSocket: slices in any order, acknowledged one by one, gone on with after anything."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from files_service.gateway.doors.websocket.state import SHARED
from tests.gateway.owners import processed_bytes
from tests.gateway.serving import Served, wait_until
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import content_of, patch

MIB = 2**20
PIECE = 256 * 1024
CONTENT = random.Random(6).randbytes(3 * MIB + 5)
START = {"op": "start", "name": "clip.bin", "size": len(CONTENT), "mime_type": "video/mp4"}
OFFSETS = list(range(0, len(CONTENT), PIECE))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def status_of(served: Served, file_id: str) -> str:
    return str(served.result("files.info", file_id=file_id)["status"])


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_slices_in_any_order_become_the_file(served: Served, order: str) -> None:
    offsets = OFFSETS[::-1] if order == "backwards" else list(OFFSETS)
    if order == "shuffled":
        random.Random(1).shuffle(offsets)

    async def scene(client: Talk) -> Any:
        manifest = await client.ask(**START, meta={"description": order})
        assert (manifest["op"], manifest["chunks"], manifest["upload_size"]) == ("manifest", [], 0)
        assert (manifest["size"], manifest["mime_type"], manifest["user_id"]) == (len(CONTENT), "video/mp4", "ann")
        acks = await client.bring(CONTENT, *offsets, piece=PIECE)
        assert {ack["op"] for ack in acks} == {"ack"}
        assert sorted(ack["slice_start"] for ack in acks) == OFFSETS
        for ack in acks:
            assert ack["object_id"] == sha256(CONTENT[ack["slice_start"] : ack["slice_start"] + ack["size"]])
        assert max(ack["upload_size"] for ack in acks) == len(CONTENT)
        return await client.ask(op="finish", sha256=sha256(CONTENT))

    done = talk(served.port, scene)
    assert done["op"] == "done"
    file_id = done["file_id"]
    manifest = served.result("files.manifest", file_id=file_id)
    assert [chunk["slice_start"] for chunk in manifest["chunks"]] == OFFSETS
    assert manifest["upload_size"] == len(CONTENT)
    record = served.result("files.process", file_id=file_id)
    assert (record["parts"][0]["sha256"], record["meta"]) == (sha256(CONTENT), {"description": order})
    assert processed_bytes(served, file_id) == CONTENT


def test_an_upload_goes_on_on_another_connection_with_what_is_missing(served: Served) -> None:
    async def begin(client: Talk) -> Any:
        manifest = await client.ask(**START)
        await client.bring(CONTENT, *OFFSETS[2:5], piece=PIECE)
        return manifest["upload_id"]

    upload_id = talk(served.port, begin)

    async def go_on(client: Talk) -> Any:
        manifest = await client.ask(op="start", upload_id=upload_id)
        assert manifest["ranges"] == [[OFFSETS[2], OFFSETS[5]]]
        assert [chunk["slice_start"] for chunk in manifest["chunks"]] == OFFSETS[2:5]
        missing = await client.ask(op="finish")
        assert (missing["code"], missing["details"]["missing"][0]) == ("conflict", [0, OFFSETS[2]])
        await client.bring(CONTENT, *OFFSETS, piece=PIECE)
        return await client.ask(op="finish", sha256=sha256(CONTENT))

    done = talk(served.port, go_on)
    assert (done["op"], done["upload_id"]) == ("done", upload_id)
    assert status_of(served, done["file_id"]) == "uploaded"


def test_a_beginning_whose_answer_was_lost_is_repeated_by_its_request_id(served: Served) -> None:
    named = {**START, "request_id": "begun once"}

    async def scene(client: Talk) -> list[Any]:
        return [await client.ask(**named), await client.bring(CONTENT, *OFFSETS, piece=PIECE)]

    begun = talk(served.port, scene)[0]

    async def again(client: Talk) -> list[Any]:
        return [await client.ask(**named), await client.ask(op="finish")]

    # Also when the file is complete.
    for _ in range(2):
        manifest, done = talk(served.port, again)
        assert manifest["upload_id"] == done["upload_id"] == begun["upload_id"]
        assert (manifest["upload_size"], done["op"]) == (len(CONTENT), "done")

    async def other(client: Talk) -> Any:
        return await client.ask(**{**named, "size": 5})

    assert talk(served.port, other)["details"]["field"] == "request_id"


def test_an_upload_whose_size_is_not_known_ends_where_its_last_slice_ends(served: Served) -> None:
    async def scene(client: Talk) -> Any:
        await client.ask(op="start", name="live.bin")
        await client.bring(CONTENT, *OFFSETS, piece=PIECE)
        return await client.ask(op="finish")

    file_id = talk(served.port, scene)["file_id"]
    assert served.result("files.info", file_id=file_id)["size"] == len(CONTENT)


def test_several_files_go_over_one_connection_and_an_empty_one_too(served: Served) -> None:
    async def scene(client: Talk) -> list[str]:
        ids = []
        for size in (0, 5, 0):
            await client.ask(op="start", name="small.bin", size=size)
            if size:
                await client.put(0, b"x" * size)
                await client.hear()
            ids.append((await client.ask(op="finish"))["file_id"])
        return ids

    assert [served.result("files.info", file_id=each)["size"] for each in talk(served.port, scene)] == [0, 5, 0]


def test_the_token_may_come_with_the_first_message(served: Served) -> None:
    from tests.gateway.owners import bearer

    token = bearer("bob")["Authorization"].partition(" ")[2]

    async def scene(client: Talk) -> Any:
        return await client.ask(op="start", name="a", size=1, token=token)

    assert talk(served.port, scene, owner=None)["user_id"] == "bob"


def test_the_same_content_is_stored_once(gateway: Served) -> None:
    def chunk_files() -> int:
        root = gateway.core.settings.data_dir / "blobs" / "blobs"
        return sum(1 for path in root.rglob("*.blob") if "chunks" in path.parts)

    async def scene(client: Talk) -> Any:
        await client.ask(**START)
        await client.bring(CONTENT, *OFFSETS, piece=PIECE)
        return await client.ask(op="finish")

    talk(gateway.port, scene, owner="dora")
    before = chunk_files()
    first = talk(gateway.port, scene, owner="dora")
    assert chunk_files() == before
    talk(gateway.port, scene, owner="eve")
    assert chunk_files() == before + len(OFFSETS), "another owner's chunks are other ones"
    assert status_of(gateway, first["file_id"]) == "uploaded"


def test_a_vanished_client_costs_nothing(served: Served) -> None:
    async def scene(client: Talk) -> None:
        await client.ask(**START)
        await client.put(0, CONTENT[:PIECE])
        client.connection._response.connection.transport.abort()  # type: ignore[union-attr]

    talk(served.port, scene)
    wait_until(lambda: served.state.uploads.taken == 0 and served.state.engine()._senders == 0)
    assert served.state_of(SHARED).frames._value > 1


def test_a_newer_connection_takes_the_upload_over(served: Served) -> None:
    async def scene(older: Talk) -> Any:
        upload_id = (await older.ask(**START))["upload_id"]
        await older.bring(CONTENT, *OFFSETS[:2], piece=PIECE)

        from tests.gateway.slices import talking

        async with talking(served.port) as newer:
            manifest = await newer.ask(op="start", upload_id=upload_id)
            assert manifest["upload_size"] == 2 * PIECE
            error = await older.hear()
            assert (error["op"], error["code"]) == ("error", "busy")
            await newer.bring(CONTENT, *OFFSETS[2:], piece=PIECE)
            return await newer.ask(op="finish", sha256=sha256(CONTENT))

    assert talk(served.port, scene)["op"] == "done"


@pytest.mark.parametrize("door", ["websocket", "tus"])
def test_other_bytes_over_stored_ones_are_refused_whatever_door_stored_them(served: Served, door: str) -> None:
    async def begin(client: Talk) -> Any:
        manifest = await client.ask(op="start", name="a.txt", size=10, mime_type="text/plain")
        if door == "websocket":
            await client.bring(b"a" * 10, 0, piece=10)
        return manifest["upload_id"]

    upload_id = talk(served.port, begin)
    if door == "tus":
        assert patch(served, f"/tus/{upload_id}", 0, b"a" * 9).status == 204

    async def overlap(client: Talk) -> Any:
        await client.ask(op="start", upload_id=upload_id)
        await client.put(3, b"bbb")
        return await client.hear()

    refused = talk(served.port, overlap)
    assert (refused["op"], refused["code"]) == ("error", "conflict")

    async def repeat(client: Talk) -> Any:
        await client.ask(op="start", upload_id=upload_id)
        await client.bring(b"a" * 10, 3, 0, piece=10)
        return await client.ask(op="finish", sha256=sha256(b"a" * 10))

    assert talk(served.port, repeat)["op"] == "done"


def test_tus_refuses_other_bytes_over_those_of_a_websocket(served: Served) -> None:
    async def begin(client: Talk) -> Any:
        manifest = await client.ask(op="start", name="a.txt", size=10, mime_type="text/plain")
        await client.bring(b"a" * 10, 4, piece=3)
        return manifest["upload_id"]

    url = f"/tus/{talk(served.port, begin)}"
    assert patch(served, url, 0, b"b" * 10).status == 409
    assert patch(served, url, 0, b"a" * 10).status == 204
    assert content_of(served, url) == b"a" * 10
