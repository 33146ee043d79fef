"""docs/queue.md: its sender works, and its tables say what the code does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service import errors
from files_service.core import Core
from files_service.messaging.ingest import topology
from files_service.services.uploads.queue_door import DEAD_QUEUE, EXCHANGE, ROUTING_KEY, queue_address
from tests.cores import call, memory_core
from tests.docs.pages import blocks, plain, read, rows, section
from tests.integration.ingesting import declared, forget_queues, open_door

PAGE = read("docs/queue.md")
CHUNK = 16 * 1024


@pytest.fixture
def core(amqp_uri: str, tmp_path: Path) -> Iterator[Core]:
    forget_queues(amqp_uri)
    with closing(memory_core(tmp_path, amqp_uri=amqp_uri, queue_door=True, chunk_bytes=CHUNK)) as core:
        yield core
    forget_queues(amqp_uri)


def test_the_sender_of_the_page_sends_a_file(core: Core, amqp_uri: str, tmp_path: Path) -> None:
    [script] = blocks(section(PAGE, "Send the bytes"), "python")
    names: dict[str, Any] = {}
    exec(compile(script.text, "docs/queue.md", "exec"), names)
    send: Callable[..., Any] = names["send"]
    content = bytes(range(256)) * 1_000
    (tmp_path / "clip").write_bytes(content)
    address, broker = declared(core, content), urlsplit(amqp_uri)
    with open_door(core):
        where = f"{broker.hostname}:{broker.port}"
        done = send(where, broker.username, broker.password, address, tmp_path / "clip")
    assert done["status"] == "uploaded"
    assert call(core, "files.process", file_id=done["file_id"])["status"] == "processed"


def test_the_address_of_the_page_has_the_fields_of_one(core: Core) -> None:
    [shown] = blocks(section(PAGE, "Begin an upload"), "json")
    address = queue_address(core, "ann", f"{core.new_id()}-p0", 1)
    assert address is not None
    assert [name for name in address if f'"{name}"' not in shown.text] == []
    assert address["exchange"] == EXCHANGE
    assert address["routing_key"] == ROUTING_KEY


def test_the_queues_and_the_errors_are_those_of_the_code() -> None:
    named = {plain(row["name"]) for row in rows(section(PAGE, "Open the door"), "name", "what it is")}
    assert named == {EXCHANGE, topology.CHUNKS, DEAD_QUEUE}
    codes = {
        code.strip("` ")
        for row in rows(section(PAGE, "Refusals and dead letters"), "refused with", "when")
        for code in row["refused with"].split(",")
    }
    known = {getattr(each, "code", None) for each in vars(errors).values() if isinstance(each, type)}
    assert codes <= known
