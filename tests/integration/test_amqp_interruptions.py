"""The process is frozen, paused, stopped or killed in the middle of calls."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from files_service.client import FilesClient
from files_service.config import load_settings
from files_service.messaging.rpc import frames
from files_service.messaging.rpc.consumer import MAX_REDELIVERIES
from files_service.services.opening import open_core
from storage_adapters import ListQuery
from tests.cores import put_parts
from tests.integration.callers import RawCaller, purge_calls
from tests.servers.deeds import Deeds
from tests.servers.processes import ServiceProcess
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def deeds(tmp_path: Path) -> Deeds:
    return Deeds(tmp_path / "deeds")


@pytest.fixture
def service(amqp_uri: str, tmp_path: Path, deeds: Deeds, request: pytest.FixtureRequest) -> Iterator[ServiceProcess]:
    """The service; a parameter is more of its configuration."""
    more: dict[str, Any] = {"HEARTBEAT": 1, **getattr(request, "param", {})}
    limits = {"lease_seconds": 1, "max_attempts": 1_000, "stop_timeout_seconds": 60} | more.pop("FILES", {})
    service = ServiceProcess(tmp_path / "service", amqp_uri, environ=deeds.environ, FILES=limits, **more)
    purge_calls(amqp_uri)
    with service:
        yield service


@pytest.fixture
def raw(amqp_uri: str, service: ServiceProcess) -> Iterator[RawCaller]:
    with RawCaller(amqp_uri) as caller:
        yield caller


def uploaded(amqp_uri: str, service: ServiceProcess, deed: str, seconds: float = 0) -> str:
    """Upload a file whose processing does a deed."""
    with FilesClient(amqp_uri) as files:
        meta = {"deed": deed, "seconds": seconds}
        record: Any = files.upload(owner="ann", name="x", parts=[{"size": 1}], meta=meta)
        core = open_core(load_settings(service.config))
        put_parts(core, record, [b"x"])
        core.close()
        files.finish(file_id=record["file_id"], part_id="p0")
    return str(record["file_id"])


def process(raw: RawCaller, deeds: Deeds, file_id: str) -> str:
    """Call files.process and wait until it is under way."""
    before = deeds.count(file_id)
    correlation_id = raw.call("files.process", {"args": [], "kwargs": {"file_id": file_id}})
    wait_until(lambda: deeds.count(file_id) > before, seconds=PATIENCE_SECONDS)
    return correlation_id


def wait_until_nobody_consumes(raw: RawCaller) -> None:
    """Wait until the broker has no consumer of calls any more, or does not believe in it."""
    wait_until(lambda: not raw.depth("rpc-files")[1], seconds=PATIENCE_SECONDS)


# The broker gives up a connection that was silent for two of these: a busy machine does not keep us so long.
@pytest.mark.parametrize("service", [{"HEARTBEAT": 3}], indirect=True, ids=["heartbeat"])
def test_a_long_call_neither_stops_heartbeats_nor_other_calls(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    file_id = uploaded(amqp_uri, service, "wait", seconds=300)
    correlation_id = process(raw, deeds, file_id)
    with FilesClient(amqp_uri) as files:
        for _ in range(50):
            files.count()
            # In all longer than the broker waits for a heartbeat.
            time.sleep(0.15)
    assert not raw.has_reply()
    deeds.thaw()
    answered, body = raw.reply()
    assert (answered, body["result"]["status"]) == (correlation_id, "processed")
    assert "no connection" not in service.log()
    assert deeds.count(file_id) == 1


def test_a_frozen_process_executes_its_call_once_though_it_is_delivered_again(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    file_id = uploaded(amqp_uri, service, "freeze", seconds=300)
    correlation_id = process(raw, deeds, file_id)
    wait_until_nobody_consumes(raw)
    deeds.thaw()
    answered, body = raw.reply()
    assert (answered, body["error"]) == (correlation_id, None)
    with FilesClient(amqp_uri) as files:
        assert files.info(file_id=file_id)["status"] == "processed"
    service.wait_for_log("no connection")
    assert deeds.count(file_id) == 1


def test_a_paused_process_goes_on_where_it_was(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    file_id = uploaded(amqp_uri, service, "wait", seconds=300)
    correlation_id = process(raw, deeds, file_id)
    service.signal(signal.SIGSTOP)
    wait_until_nobody_consumes(raw)
    deeds.thaw()
    service.signal(signal.SIGCONT)
    answered, body = raw.reply()
    assert (answered, body["result"]["status"]) == (correlation_id, "processed")
    with FilesClient(amqp_uri) as files:
        files.count()
    assert deeds.count(file_id) == 1
    assert not raw.has_reply()


def test_calls_in_flight_are_finished_before_the_process_ends(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    file_id = uploaded(amqp_uri, service, "wait", seconds=300)
    correlation_id = process(raw, deeds, file_id)
    service.signal(signal.SIGTERM)
    wait_until_nobody_consumes(raw)
    later = raw.call("files.count", {"args": [], "kwargs": {}})
    deeds.thaw()
    answered, body = raw.reply()
    assert (answered, body["result"]["status"]) == (correlation_id, "processed")
    assert service.wait() == 0
    assert not raw.has_reply()
    service.start()
    assert raw.reply()[0] == later


@pytest.mark.parametrize("service", [{"FILES": {"stop_timeout_seconds": 1}}], indirect=True, ids=["impatient"])
def test_a_call_that_lasts_longer_than_stopping_may_is_answered_by_the_next_process(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    file_id = uploaded(amqp_uri, service, "wait", seconds=300)
    correlation_id = process(raw, deeds, file_id)
    assert service.stop() == 1
    service.start()
    wait_until(lambda: deeds.count(file_id) == 2, seconds=PATIENCE_SECONDS)
    deeds.thaw()
    answered, body = raw.reply()
    assert (answered, body["result"]["status"]) == (correlation_id, "processed")
    assert deeds.count(file_id) == 2


def test_uploads_of_a_killed_process_are_made_once(amqp_uri: str, service: ServiceProcess, raw: RawCaller) -> None:
    calls, unanswered = 400, set()
    for number in range(calls):
        params = {"owner": "kim", "name": f"{number}", "parts": [{"size": 1}]}
        unanswered.add(raw.call("files.upload", {"args": [], "kwargs": params}, delivery_mode=2))
        if number == calls // 2:
            service.kill()
    service.start()
    kills = [calls * 3 // 4]
    while unanswered:
        # A call whose answer was not confirmed before a kill is answered again.
        unanswered.discard(raw.reply()[0] or "")
        if kills and len(unanswered) <= kills[0]:
            kills.pop()
            service.kill()
            service.start()
    core = open_core(load_settings(service.config))
    names, query = Counter[str](), ListQuery(owner="kim", limit=100)
    while True:
        page = core.metadata.find(query)
        names.update(record.name for record in page.records)
        if page.next_position is None:
            break
        query = ListQuery(owner="kim", limit=100, after=page.next_position)
    core.close()
    assert names == Counter({f"{number}": 1 for number in range(calls)})


def test_a_call_that_ends_every_process_becomes_a_dead_letter(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller, deeds: Deeds
) -> None:
    raw.purge_dead_letters()
    file_id = uploaded(amqp_uri, service, "die")
    correlation_id = raw.call("files.process", {"args": [], "kwargs": {"file_id": file_id}}, delivery_mode=2)
    core = open_core(load_settings(service.config))
    deaths = 0
    while not raw.has_dead_letter():
        # In this order: one that runs may take a lease and die meanwhile.
        has_ended = not service.is_running
        lease = core.metadata.get(file_id).lease
        if has_ended and lease is not None and lease.until < core.clock():
            deaths += 1
            assert deaths <= MAX_REDELIVERIES + 1
            service.launch()
        time.sleep(0.02)
    core.close()
    service.wait_for_log('"event": "ready"')
    answered, body = raw.reply()
    assert (answered, body["error"]["exc_type"]) == (correlation_id, "ServiceUnavailable")
    assert deaths == MAX_REDELIVERIES + 1
    with FilesClient(amqp_uri) as files:
        assert files.info(file_id=file_id)["status"] == "processing"


def test_a_redelivered_call_whose_headers_fill_a_frame_is_a_dead_letter(
    amqp_uri: str, service: ServiceProcess, raw: RawCaller
) -> None:
    """Its count of deliveries has no place; the broker closes the connection of a sender whose headers are longer."""
    raw.purge_dead_letters()
    service.kill()
    wait_until_nobody_consumes(raw)
    room = raw.connection.frame_max - frames.HEADER_BYTES
    room -= len(frames.json_properties("x" * 36, frames.header_table({"x": ""}), raw.reply_to))
    correlation_id = raw.call("files.count", {"args": [], "kwargs": {}}, application_headers={"x": "y" * room})
    with RawCaller(amqp_uri) as dying:
        wait_until(lambda: dying.channel.basic_get("rpc-files") is not None, seconds=PATIENCE_SECONDS)
    service.start()
    answered, body = raw.reply()
    assert (answered, body["error"]["exc_type"]) == (correlation_id, "ServiceUnavailable")
    assert raw.dead_letter().properties["correlation_id"] == correlation_id
    with FilesClient(amqp_uri) as files:
        files.count()
