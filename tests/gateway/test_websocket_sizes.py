"""Sizes by WebSocket: unknown ones, other ones than before, and messages that are too long."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.owners import processed_bytes
from tests.gateway.serving import Served
from tests.gateway.slices import Talk, talk


def test_an_early_finish_of_an_unknown_size_names_what_is_missing_and_leaves_the_end_open(served: Served) -> None:
    async def scene(socket: Talk) -> Any:
        await socket.ask(op="start", name="a")
        await socket.put(4, b"efgh")
        await socket.hear()
        early = await socket.ask(op="finish")
        assert (early["code"], early["details"]["missing"]) == ("conflict", [[0, 4]])
        short = await socket.ask(op="finish", size=10)
        assert short["details"]["missing"] == [[0, 4], [8, 10]]
        for offset, data in ((8, b"ij"), (0, b"abcd")):
            await socket.put(offset, data)
            await socket.hear()
        return await socket.ask(op="finish", size=10)

    done = talk(served.port, scene)
    assert done["op"] == "done"
    served.result("files.process", file_id=done["file_id"])
    assert processed_bytes(served, done["file_id"]) == b"abcdefghij"


def test_a_finish_before_the_last_byte_is_refused(served: Served) -> None:
    async def scene(socket: Talk, size: int | None) -> Any:
        await socket.ask(op="start", name="a", **({} if size is None else {"size": size}))
        await socket.put(0, b"abcd")
        await socket.hear()
        return await socket.ask(op="finish", size=3)

    for size in (None, 4):
        refused = talk(served.port, lambda socket, size=size: scene(socket, size))  # type: ignore[misc]
        assert (refused["code"], refused["details"]) == ("too_large", {"field": "size", "limit": 3 if not size else 4})


def test_another_size_of_a_known_upload_is_refused(served: Served) -> None:
    async def begin(socket: Talk) -> Any:
        return await socket.ask(op="start", name="a", size=4)

    upload_id = talk(served.port, begin)["upload_id"]

    async def go_on(socket: Talk, size: int) -> Any:
        return await socket.ask(op="start", upload_id=upload_id, size=size)

    assert talk(served.port, lambda socket: go_on(socket, 4))["op"] == "manifest"
    refused = talk(served.port, lambda socket: go_on(socket, 5))
    assert (refused["code"], refused["details"]) == ("conflict", {"field": "size", "size": 4})


def test_a_long_text_closes_with_the_code_for_it(served: Served) -> None:
    async def scene(socket: Talk) -> Any:
        await socket.connection.send_str(json.dumps({"op": "start", "name": "ä" * 40_000}, ensure_ascii=False))
        refused = await socket.hear()
        assert await socket.hear() is None
        return refused["code"], socket.close_code

    assert talk(served.port, scene) == ("too_large", 1009)
