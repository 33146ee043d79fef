"""What goes wrong on a WebSocket is refused in the protocol's own words, writes nothing, and is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from files_service.gateway.transfer.upload_locks import UPLOAD_LOCKS
from tests.cores import sqlite_core
from tests.gateway.limits import IDLE_SECONDS, small_limits
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving, wait_until
from tests.gateway.slices import PROTOCOL, Talk, talk

START: dict[str, Any] = {"op": "start", "name": "a", "size": 1_000}
CHUNK = 64 * 1024


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    core = sqlite_core(tmp_path_factory.mktemp("data"), chunk_bytes=CHUNK, owner_quota_bytes=10_000_000)
    with serving(core, small_limits()) as served:
        yield served


def token(owner: str, ttl_seconds: int = 60) -> str:
    return bearer(owner, ttl_seconds)["Authorization"].partition(" ")[2]


def released(served: Served) -> None:
    """Wait until nothing of an upload is held any more."""

    def nothing_is_held() -> bool:
        state = served.state
        counts = (state.uploads.taken, state.in_flight, len(served.state_of(UPLOAD_LOCKS)._held))
        return (*counts, state.engine()._senders) == (0, 0, 0, 0)

    wait_until(nothing_is_held)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({**START, "size": -1}, "bad_request", "size"),
        ({**START, "size": 2**70}, "bad_request", "size"),
        ({**START, "size": 2**53 - 1}, "too_large", ""),
        ({**START, "size": "7"}, "bad_request", "size"),
        ({**START, "size": None}, "bad_request", "size"),
        ({**START, "size": 10_000_001}, "insufficient_storage", ""),
        ({**START, "name": ""}, "bad_request", "name"),
        ({**START, "name": 5}, "bad_request", "name"),
        ({**START, "name": "a\0b"}, "bad_request", "name"),
        ({**START, "access": "everybody"}, "bad_request", "access"),
        ({**START, "tags": "x" * 500}, "bad_request", ""),
        ({**START, "meta": ["x"]}, "bad_request", "meta"),
        ({**START, "meta": {"description": 1}}, "bad_request", "meta"),
        ({**START, "nonsense": 1}, "bad_request", "nonsense"),
        ({**START, "token": 5}, "bad_request", "token"),
        ({**START, "token": "x"}, "unauthorized", "Authorization"),
        ({"op": "start", "upload_id": "x"}, "not_found", ""),
        ({"op": "start", "upload_id": "../../x"}, "not_found", ""),
        ({"op": "start", "upload_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV-p0"}, "not_found", ""),
        ({"op": "finish"}, "bad_request", "op"),
        ({"op": "delete"}, "bad_request", "op"),
        ([], "bad_request", "message"),
    ],
)
def test_a_bad_beginning_is_refused(strict: Served, message: Any, code: str, field: str) -> None:
    async def scene(client: Talk) -> Any:
        await client.connection.send_json(message)
        error = await client.hear()
        assert await client.hear() is None
        assert client.close_code == 1008
        return error

    error = talk(strict.port, scene)
    assert (error["op"], error["code"]) == ("error", code)
    if field:
        assert field in error["details"]["fields"]
    released(strict)


@pytest.mark.parametrize("expired", [False, True])
def test_without_a_token_that_holds_nothing_is_begun(strict: Served, expired: bool) -> None:
    async def scene(client: Talk) -> Any:
        said = {"token": token("ann", -5)} if expired else {}
        return await client.ask(**START, **said)

    assert talk(strict.port, scene, owner=None)["code"] == "unauthorized"
    released(strict)


def test_somebody_elses_upload_is_not_found(strict: Served) -> None:
    async def begin(client: Talk) -> Any:
        return (await client.ask(**START))["upload_id"]

    upload_id = talk(strict.port, begin)

    async def intrude(client: Talk) -> Any:
        return await client.ask(op="start", upload_id=upload_id)

    assert talk(strict.port, intrude, owner="bob")["code"] == "not_found"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ((1_000).to_bytes(8, "big") + b"x", "too_large"),
        ((999).to_bytes(8, "big") + b"xy", "too_large"),
        (b"\xff" * 8 + b"x", "too_large"),
        (b"\0" * 8, "bad_request"),
        (b"\0" * 7, "bad_request"),
        (b"", "bad_request"),
    ],
)
def test_a_bad_slice_is_refused_and_what_was_acknowledged_stays(strict: Served, frame: bytes, code: str) -> None:
    async def scene(client: Talk) -> Any:
        upload_id = (await client.ask(**START))["upload_id"]
        await client.put(0, b"x" * 100)
        assert (await client.hear())["op"] == "ack"
        await client.connection.send_bytes(frame)
        return upload_id, await client.hear()

    upload_id, error = talk(strict.port, scene)
    assert (error["op"], error["code"]) == ("error", code)
    released(strict)

    async def look(client: Talk) -> Any:
        return await client.ask(op="start", upload_id=upload_id)

    assert talk(strict.port, look)["ranges"] == [[0, 100]]


def test_other_bytes_at_the_same_place_are_refused(strict: Served) -> None:
    async def scene(client: Talk) -> Any:
        await client.ask(**START)
        acks = []
        for content in (b"a" * 10, b"a" * 10, b"b" * 10):
            await client.put(0, content)
            acks.append(await client.hear())
        return acks

    first, again, other = talk(strict.port, scene)
    assert first == again
    assert (other["op"], other["code"]) == ("error", "conflict")


def test_a_wrong_checksum_is_refused_and_the_upload_begins_anew(strict: Served) -> None:
    async def scene(client: Talk) -> Any:
        upload_id = (await client.ask(op="start", name="a", size=3))["upload_id"]
        await client.put(0, b"abc")
        await client.hear()
        return upload_id, await client.ask(op="finish", sha256="0" * 64)

    upload_id, error = talk(strict.port, scene)
    assert error["code"] == "part_mismatch"

    async def again(client: Talk) -> Any:
        manifest = await client.ask(op="start", upload_id=upload_id)
        assert manifest["upload_size"] == 0
        await client.put(0, b"abc")
        await client.hear()
        return await client.ask(op="finish")

    assert talk(strict.port, again)["op"] == "done"


def test_a_frame_that_is_too_large_closes_the_connection(strict: Served) -> None:
    async def scene(client: Talk) -> int | None:
        await client.ask(**{**START, "size": 10 * CHUNK})
        await client.put(0, b"x" * (CHUNK + 1))
        while await client.hear() is not None:
            pass
        return client.close_code

    assert talk(strict.port, scene) == 1009
    released(strict)


def test_a_slice_may_be_as_long_as_a_chunk(strict: Served) -> None:
    async def scene(client: Talk) -> Any:
        manifest = await client.ask(**{**START, "size": 2 * CHUNK})
        assert manifest["chunk_size"] == CHUNK
        acks = await client.bring(b"x" * (2 * CHUNK), 0, CHUNK, piece=CHUNK)
        assert [ack["size"] for ack in acks] == [CHUNK, CHUNK]
        return await client.ask(op="finish")

    assert talk(strict.port, scene)["op"] == "done"


@pytest.mark.parametrize("begun", [False, True])
def test_a_client_that_says_nothing_is_let_go(strict: Served, begun: bool) -> None:
    async def scene(client: Talk) -> Any:
        if begun:
            await client.ask(**START)
        hearing = asyncio.ensure_future(client.hear())
        while not hearing.done():
            await asyncio.to_thread(strict.pass_seconds, IDLE_SECONDS / 2)
            await asyncio.wait((hearing,), timeout=0.01)
        return await hearing

    assert talk(strict.port, scene)["code"] == "busy"
    released(strict)


def test_a_client_that_sends_drop_by_drop_is_let_go(strict: Served) -> None:
    async def scene(client: Talk) -> None:
        await client.ask(**START)
        transport: Any = client.connection._response.connection.transport  # type: ignore[union-attr]
        # The head of a frame that never becomes whole.
        transport.write(b"\x82\xfe\x01\x00" + b"\0" * 4)
        for _ in range(2_000):
            if client.connection.closed or transport.is_closing():
                return
            transport.write(b"\0")
            await asyncio.to_thread(strict.pass_seconds, IDLE_SECONDS / 20)
            await asyncio.sleep(0.01)
            if strict.state.uploads.taken == 0:
                return
        raise AssertionError("it was not let go")

    talk(strict.port, scene)
    released(strict)


def test_the_subprotocol_has_to_be_offered(strict: Served) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for headers in (handshake, {**handshake, "Sec-WebSocket-Protocol": "chat"}, {"Sec-WebSocket-Protocol": PROTOCOL}):
        assert strict.request("GET", "/ws/upload", headers=headers).status == 400


def test_a_stopping_gateway_sends_its_clients_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(sqlite_core(tmp_path_factory.mktemp("data"))) as served:

        async def scene(client: Talk) -> int | None:
            await client.ask(**START)
            stopping = asyncio.get_running_loop().run_in_executor(None, served.stop)
            assert await client.hear() is None
            await stopping
            return client.close_code

        assert talk(served.port, scene) == 1001
