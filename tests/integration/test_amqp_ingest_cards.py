"""Memory cards over the queue, and by WebSocket where there is no broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.ingest.options import Ending
from tests.cores import memory_core
from tests.gateway.serving import Served, serving
from tests.ingest.bringing import CHUNK, assert_identical, bring, footage, received_bytes
from tests.ingest.cards import inserted
from tests.integration.ingesting import forget_queues, open_door
from tests.servers.ports import free_ports


@pytest.fixture
def served(amqp_uri: str, tmp_path: Path) -> Iterator[Served]:
    forget_queues(amqp_uri)
    with serving(memory_core(tmp_path / "data", amqp_uri=amqp_uri, queue_door=True, chunk_bytes=CHUNK)) as served:
        yield served
    forget_queues(amqp_uri)


def test_a_card_arrives_whole_over_the_queue(served: Served, amqp_uri: str, tmp_path: Path) -> None:
    files = footage()
    with open_door(served.core) as door, inserted(tmp_path, files) as card:
        outcome = bring(served, card.root, tmp_path / "state", transport="queue", amqp_uri=amqp_uri, verify="copies")
        assert door.count("messages_total", outcome="done") == len(files)
    assert outcome.ending is Ending.COMPLETE
    assert (outcome.uploaded, outcome.failed) == (len(files), ())
    # Not one byte went through the gateway.
    assert received_bytes(served) == 0
    assert_identical(served, outcome, files)


def test_a_card_arrives_by_websocket_where_there_is_no_broker(served: Served, tmp_path: Path) -> None:
    files, [nowhere] = footage(count=2), free_ports(1)
    uri = f"amqp://127.0.0.1:{nowhere}/"
    with inserted(tmp_path, files) as card:
        outcome = bring(served, card.root, tmp_path / "state", transport="queue", amqp_uri=uri, verify="copies")
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


def test_a_broker_without_a_queue_costs_no_file(served: Served, amqp_uri: str, tmp_path: Path) -> None:
    files = footage(count=2)
    with inserted(tmp_path, files) as card:
        outcome = bring(served, card.root, tmp_path / "state", transport="queue", amqp_uri=amqp_uri, verify="copies")
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)
