"""Uploads over the broker: whole, doubled, shuffled, refused, and continued at other doors."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amqp
import pytest
from amqp.basic_message import Message

from files_service.cli.queue_checks import check_queue
from files_service.core import Core
from files_service.messaging.events import LogPublisher
from files_service.messaging.ingest.client import QueueRefused, QueueSender, QueueUnavailable
from files_service.messaging.ingest.topology import CHUNKS
from files_service.messaging.ingest.worker import IngestLimits
from files_service.services.uploads.queue_door import DEAD_QUEUE
from files_service.services.uploads.quota import uploads_of
from files_service.worker.run import Worker
from storage_adapters import StorageUnavailable, UploadNotFound
from tests.cores import SECRETS, announced, at, call, memory_core
from tests.gateway import tus
from tests.gateway.owners import processed_bytes
from tests.gateway.serving import Served, serving
from tests.gateway.slices import talking
from tests.integration.ingesting import Door, Sender, declared, forget_queues, open_door
from tests.unit.cli.running import at as command_at
from tests.unit.cli.running import run
from tests.waiting import PATIENCE_SECONDS, wait_until

CHUNK = 16 * 1024
CONTENT = random.Random(5).randbytes(20 * CHUNK + 7)
STARTS = range(0, len(CONTENT), CHUNK)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LIMITS = IngestLimits(first_pause_seconds=0.05, longest_pause_seconds=0.1)


def piece(start: int) -> bytes:
    return CONTENT[start : start + CHUNK]


@pytest.fixture(scope="module")
def served(amqp_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway and a worker on the same stores."""
    folder = tmp_path_factory.mktemp("data")
    with serving(memory_core(folder, amqp_uri=amqp_uri, queue_door=True, chunk_bytes=CHUNK)) as served:
        yield served


@pytest.fixture(scope="module")
def door(amqp_uri: str, served: Served) -> Iterator[Door]:
    forget_queues(amqp_uri)
    with open_door(served.core, LIMITS) as door:
        yield door
    forget_queues(amqp_uri)


@pytest.fixture
def core(served: Served) -> Core:
    return served.core


@pytest.fixture
def sender(amqp_uri: str, door: Door) -> Iterator[Sender]:
    with Sender(amqp_uri) as sender:
        sender.channel.queue_purge(DEAD_QUEUE)
        yield sender
        assert sender.waiting(CHUNKS) == 0


def content_of(served: Served, address: dict[str, Any]) -> bytes:
    file_id = address["upload_id"].partition("-")[0]
    served.result("files.process", file_id=file_id)
    return processed_bytes(served, file_id)


def send_all(sender: Sender, address: dict[str, Any], starts: Any = STARTS) -> None:
    for start in starts:
        sender.chunk(address, start, piece(start))


def test_the_messages_of_an_upload_doubled_and_shuffled_make_one_file(
    served: Served, core: Core, sender: Sender, door: Door
) -> None:
    address = declared(core, CONTENT)
    doubles = door.count("duplicates_total")
    messages = [*STARTS, *STARTS, None, None]
    random.Random(7).shuffle(messages)
    for start in messages:
        if start is None:
            sender.finish(address, sha256=SHA256, size=len(CONTENT))
        else:
            sender.chunk(address, start, piece(start))
    answers = sender.hear(len(messages))
    assert sorted(each["slice_start"] for each in answers if each["op"] == "ack") == sorted([*STARTS, *STARTS])
    done = [each for each in answers if each["op"] == "done"]
    assert len(done) == 2
    assert {each["status"] for each in done} <= {"uploaded", "processed"}
    assert announced(core, done[0]["file_id"]).count("uploaded") == 1
    assert door.count("duplicates_total") >= doubles + 1
    assert content_of(served, address) == CONTENT
    assert sender.waiting(DEAD_QUEUE) == 0


def test_an_ack_is_that_of_the_websocket(core: Core, sender: Sender) -> None:
    address = declared(core, CONTENT)
    sender.chunk(address, CHUNK, piece(CHUNK))
    [answer] = sender.hear(1)
    assert answer == {
        "op": "ack",
        "slice_start": CHUNK,
        "size": CHUNK,
        "object_id": hashlib.sha256(piece(CHUNK)).hexdigest(),
        "upload_size": CHUNK,
        "message_id": f"{address['upload_id']}:{CHUNK}",
    }
    # Durable means: every other door knows of the bytes.
    assert uploads_of(core).ranges(address["upload_id"]) == [(CHUNK, 2 * CHUNK)]


def test_an_upload_of_tus_continues_by_the_queue_and_back(served: Served, sender: Sender) -> None:
    url = tus.made(served, len(CONTENT))
    assert tus.patch(served, url, 0, CONTENT[: 2 * CHUNK]).status == 204

    async def ask() -> Any:
        async with talking(served.port) as talk:
            return await talk.ask(op="start", upload_id=url.rpartition("/")[2])

    address = asyncio.run(ask())["amqp"]
    send_all(sender, address, STARTS[2:10])
    assert {each["op"] for each in sender.hear(8)} == {"ack"}
    assert tus.offset_of(served, url) == 10 * CHUNK
    assert tus.patch(served, url, 10 * CHUNK, CONTENT[10 * CHUNK :]).status == 204
    assert tus.content_of(served, url) == CONTENT


def test_an_upload_of_the_queue_continues_by_websocket_and_back(served: Served, core: Core, sender: Sender) -> None:
    address = declared(core, CONTENT)
    send_all(sender, address, STARTS[:3])
    sender.hear(3)

    async def continue_it() -> None:
        async with talking(served.port) as talk:
            manifest = await talk.ask(op="start", upload_id=address["upload_id"])
            assert manifest["ranges"] == [[0, 3 * CHUNK]]
            await talk.bring(CONTENT, *STARTS[3:12], piece=CHUNK)

    asyncio.run(continue_it())
    send_all(sender, address, STARTS[12:])
    sender.finish(address, sha256=SHA256)
    assert "done" in [each["op"] for each in sender.hear(len(STARTS) - 9 + 1)]
    assert content_of(served, address) == CONTENT


def test_an_upload_of_unknown_size_ends_with_the_finish(served: Served, sender: Sender) -> None:
    async def begin() -> Any:
        async with talking(served.port) as talk:
            return await talk.ask(op="start", name="a.bin")

    address = asyncio.run(begin())["amqp"]
    send_all(sender, address)
    sender.hear(len(STARTS))
    sender.finish(address, size=len(CONTENT), sha256=SHA256)
    assert sender.hear(len(STARTS) + 1)[-1]["op"] == "done"
    assert content_of(served, address) == CONTENT


def test_a_finish_without_all_bytes_names_those_that_are_missing(core: Core, sender: Sender) -> None:
    address = declared(core, CONTENT)
    send_all(sender, address, STARTS[1:])
    sender.hear(len(STARTS) - 1)
    sender.finish(address, attempt=4)
    answer = next(each for each in sender.hear(len(STARTS)) if each["op"] == "error")
    assert (answer["code"], answer["details"]["missing"]) == ("conflict", [[0, CHUNK]])
    [letter] = sender.dead(1)
    assert (letter["reason"], letter["kind"]) == ("conflict", "finish")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"v": 2}, "bad_request"),
    "no version": ({"v": None}, "bad_request"),
    "no upload": ({"upload_id": None}, "bad_request"),
    "a number as a token": ({"token": 7}, "bad_request"),
    "no token": ({"token": None}, "bad_request"),
    "a token of nobody": ({"token": "x" * 400}, "unauthorized"),
    "an unknown kind": ({"kind": "delete"}, "bad_request"),
    "a negative place": ({"slice_start": -1}, "bad_request"),
    "a place as text": ({"slice_start": "0"}, "bad_request"),
    "another size": ({"size": CHUNK + 1}, "bad_request"),
    "altered bytes": ({"sha256": "0" * 64}, "part_mismatch"),
    "an id of another place": ({"message_id": "x:1"}, "bad_request"),
    "no id": ({"message_id": None}, "bad_request"),
    "no reply_to": ({"reply_to": None}, "bad_request"),
    "the queue of somebody": ({"reply_to": DEAD_QUEUE}, "bad_request"),
    "a name that looks like a reply": ({"reply_to": "amq.rabbitmq.reply-to.\n"}, "bad_request"),
}


@pytest.mark.parametrize(("changed", "code"), WRONG.values(), ids=WRONG)
def test_a_wrong_message_is_a_dead_letter_with_a_reason(
    core: Core, sender: Sender, changed: dict[str, Any], code: str
) -> None:
    address = declared(core, CONTENT)
    sender.chunk(address, 0, piece(0), name="clip.mp4", **changed)
    [letter] = sender.dead(1)
    assert letter["reason"] == code
    assert (letter["name"], letter["body_bytes"]) == ("clip.mp4", CHUNK)
    assert "token" not in letter
    assert address["token"] not in str(letter)
    # The queue flows on, and nothing of it is stored.
    sender.chunk(address, CHUNK, piece(CHUNK))
    answers = sender.hear(1 if "reply_to" in changed else 2)
    assert [each["code"] for each in answers if each["op"] == "error"] == ([] if "reply_to" in changed else [code])
    assert uploads_of(core).ranges(address["upload_id"]) == [(CHUNK, 2 * CHUNK)]
    assert sender.waiting(DEAD_QUEUE) == 0


@pytest.mark.parametrize("properties", [{"timestamp": 2**62}, {"correlation_id": "\udcff"}], ids=["a time", "a text"])
def test_properties_that_nobody_can_read_make_a_dead_letter(
    core: Core, sender: Sender, properties: dict[str, Any]
) -> None:
    address = declared(core, CONTENT)
    for _ in range(3):
        message = Message(b"x", **{"message_id": "a", "type": "chunk", "application_headers": {"v": 1}, **properties})
        sender.channel.basic_publish(message, exchange=address["exchange"], routing_key=address["routing_key"])
    assert [(each["reason"], each["body_bytes"]) for each in sender.dead(3)] == [("bad_request", 1)] * 3
    sender.chunk(address, 0, piece(0))
    assert sender.hear(1)[0]["op"] == "ack"


def test_bytes_beyond_the_upload_or_longer_than_a_chunk_are_refused(core: Core, sender: Sender) -> None:
    address = declared(core, CONTENT)
    sender.chunk(address, len(CONTENT) - 1, b"ab")
    sender.chunk(address, 0, bytes(CHUNK + 1))
    assert [each["code"] for each in sender.hear(2)] == ["too_large", "too_large"]
    assert [each["reason"] for each in sender.dead(2)] == ["too_large", "too_large"]


def test_other_bytes_at_the_same_place_are_a_conflict(served: Served, core: Core, sender: Sender) -> None:
    address = declared(core, CONTENT)
    sender.chunk(address, 0, piece(0))
    sender.hear(1)
    sender.chunk(address, 0, bytes(CHUNK))
    assert sender.hear(2)[1]["code"] == "conflict"
    [letter] = sender.dead(1)
    assert letter["reason"] == "conflict"
    send_all(sender, address, STARTS[1:])
    sender.hear(len(STARTS) + 1)
    sender.finish(address, sha256=SHA256)
    assert sender.hear(len(STARTS) + 2)[-1]["op"] == "done"
    assert content_of(served, address) == CONTENT


def test_a_token_opens_one_upload_of_one_owner(core: Core, sender: Sender) -> None:
    of_ann, of_bob = declared(core, CONTENT), declared(core, CONTENT, owner="bob")
    another = declared(core, CONTENT)
    for stolen in (of_bob["token"], another["token"]):
        sender.chunk(of_ann, 0, piece(0), token=stolen)
    assert [each["code"] for each in sender.hear(2)] == ["forbidden", "forbidden"]
    expired = declared(at(core, core.clock() - 2 * 86_400_000), CONTENT)
    sender.chunk(of_ann, 0, piece(0), token=expired["token"])
    assert sender.hear(3)[2]["code"] == "unauthorized"
    call(core, "files.remove", file_id=of_bob["upload_id"].partition("-")[0])
    sender.chunk(of_bob, 0, piece(0))
    assert sender.hear(4)[3]["code"] == "gone"
    sender.chunk({**of_ann, "upload_id": f"{core.new_id()}-p0"}, 0, piece(0))
    assert sender.hear(5)[4]["code"] == "forbidden"
    assert [each["reason"] for each in sender.dead(5)].count("forbidden") == 3
    with pytest.raises(UploadNotFound):
        uploads_of(core).get_upload(of_ann["upload_id"])


def test_a_store_that_is_away_costs_an_attempt_and_no_message(
    core: Core, sender: Sender, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = declared(core, CONTENT)
    real, calls = core.metadata.reserve_chunks, []  # type: ignore[attr-defined]

    def fail(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) <= 3:
            raise StorageUnavailable("the store is away")
        return real(*args, **kwargs)

    monkeypatch.setattr(core.metadata, "reserve_chunks", fail)
    send_all(sender, address)
    sender.finish(address, sha256=SHA256)
    assert {each["op"] for each in sender.hear(len(STARTS) + 1)} == {"ack", "done"}
    assert door.count("messages_total", outcome="retried") >= 1
    assert sender.waiting(DEAD_QUEUE) == 0


def test_a_message_that_fails_at_every_attempt_is_dead(
    core: Core, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = declared(core, CONTENT)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "reserve_chunks", fail)
        sender.chunk(address, 0, piece(0), attempt=3)
        assert sender.hear(1)[0]["code"] == "internal_error"
    [letter] = sender.dead(1)
    assert (letter["reason"], letter["attempt"]) == ("internal_error", 4)
    sender.chunk(address, 0, piece(0))
    assert sender.hear(2)[1]["op"] == "ack"


def test_the_client_sends_an_upload_and_only_what_is_missing(served: Served, amqp_uri: str, door: Door) -> None:
    address = declared(served.core, CONTENT)
    read: list[int] = []

    async def read_piece(start: int, length: int) -> bytes:
        read.append(start)
        return CONTENT[start : start + length]

    async def send() -> Any:
        async with QueueSender(amqp_uri, name="clip.mp4") as sender:
            await sender.send(address, 0, piece(0))
            with pytest.raises(QueueRefused, match="conflict"):
                await sender.send(address, 0, bytes(CHUNK))
            return await sender.put(address, len(CONTENT), read_piece, sha256=SHA256, only=[(CHUNK, len(CONTENT))])

    assert asyncio.run(send())["status"] == "uploaded"
    assert sorted(read) == list(STARTS[1:])
    assert content_of(served, address) == CONTENT


def test_a_chunk_whose_sending_was_cancelled_is_not_taken_for_sent(served: Served, amqp_uri: str, door: Door) -> None:
    address = declared(served.core, CONTENT)

    async def read_piece(start: int, length: int) -> bytes:
        if start == CHUNK and (task := asyncio.current_task()) is not None:
            task.cancel()
        return CONTENT[start : start + length]

    async def send() -> Any:
        async with QueueSender(amqp_uri) as sender:
            return await sender.put(address, len(CONTENT), read_piece)

    with pytest.raises(QueueUnavailable):
        asyncio.run(send())


def test_a_name_of_direct_reply_to_cannot_be_made_up(core: Core, sender: Sender) -> None:
    """The broker itself refuses the bare name of a sender that consumes nothing."""
    address = declared(core, CONTENT)
    channel = sender.connection.channel()
    with pytest.raises(amqp.PreconditionFailed):
        channel.basic_publish(
            amqp.Message(b"x", reply_to="amq.rabbitmq.reply-to", application_headers={}),
            exchange=address["exchange"],
            routing_key=address["routing_key"],
        )


def test_without_the_setting_no_answer_names_the_door(tmp_path: Path, amqp_uri: str) -> None:
    for overrides in ({"amqp_uri": amqp_uri, "queue_door": False}, {"amqp_uri": "", "queue_door": True}):
        core = memory_core(tmp_path, **overrides)
        record = call(core, "files.upload", owner="ann", name="a", parts=[{"size": 1}])
        assert "amqp" not in record["parts"][0]
        core.close()


def test_the_doctor_counts_workers_and_dead_letters(core: Core, sender: Sender) -> None:
    assert check_queue(core.settings).text == "0 messages wait for 1 workers, 0 dead letters"
    sender.chunk(declared(core, CONTENT), 0, piece(0), v=2)
    sender.hear(1)
    wait_until(lambda: sender.waiting(DEAD_QUEUE) == 1, seconds=PATIENCE_SECONDS)
    found = check_queue(core.settings)
    assert not found.ok
    assert "reason" in found.advice


def test_a_file_is_put_over_the_queue(served: Served, door: Door, amqp_uri: str, tmp_path: Path) -> None:
    (tmp_path / "clip.bin").write_bytes(CONTENT)
    acks, worker = door.count("messages_total", outcome="ack"), Worker(served.core, LogPublisher())
    worker.start()
    environ = {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": amqp_uri, **SECRETS}
    result = run(command_at(served, environ), "put", tmp_path / "clip.bin", "--queue", "--owner", "ann")
    assert worker.stop(PATIENCE_SECONDS)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["status"] == "processed"
    assert processed_bytes(served, record["file_id"]) == CONTENT
    wait_until(lambda: door.count("messages_total", outcome="ack") == acks + len(STARTS), seconds=PATIENCE_SECONDS)
