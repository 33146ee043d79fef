"""RabbitMQ is killed in the middle of a thousand calls: nothing answered is lost, nothing takes effect twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from files_service.client import FilesClient
from files_service.config import load_settings
from files_service.errors import ServiceUnavailable
from files_service.services.opening import open_core
from storage_adapters import SupportsChanges
from tests.feeds import file_changes
from tests.integration.callers import NamekoCaller, RawCaller, purge_calls
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.waiting import PATIENCE_SECONDS

OUR_CALLERS, NAMEKO_CALLERS, CALLS_EACH = 7, 3, 100
OUTAGES = (1, *(pytest.param(seconds, marks=pytest.mark.nightly) for seconds in (10, 60)))

Call = Callable[[str, dict[str, Any]], bool]


@pytest.fixture
def broker(own_broker: RabbitMQ) -> RabbitMQ:
    purge_calls(own_broker.uri)
    return own_broker


@pytest.fixture
def service(broker: RabbitMQ, tmp_path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path, broker.uri) as service:
        yield service


class Calls:
    """Uploads of files and renamings of one file, each under a name of its own; notes which were answered."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self.answered: set[str] = set()
        self.failures: list[str] = []

    def make(self, caller: str, call: Call) -> None:
        """Make the calls of one caller."""
        for number in range(CALLS_EACH):
            name = f"{caller}-{number}"
            if number % 2:
                answered = call("files.upload", {"owner": "ann", "name": name, "parts": [{"size": 1}]})
            else:
                answered = call("files.update", {"file_id": self._target, "changes": {"name": name}})
            with self._lock:
                (self.answered.add if answered else self.failures.append)(name)

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.answered) < count:
            assert time.monotonic() < deadline, self.failures
            time.sleep(0.005)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("outage_seconds", OUTAGES)
def test_a_killed_broker_loses_no_answered_call_and_repeats_none(
    broker: RabbitMQ, service: ServiceProcess, outage_seconds: int
) -> None:
    with FilesClient(broker.uri, timeout=120) as files:
        target = files.upload(owner="bob", name="target", parts=[{"size": 1}])["file_id"]
        calls = Calls(target)

        def ours(method: str, params: dict[str, Any]) -> bool:
            return bool(getattr(files, method.rpartition(".")[2])(**params))

        nameko_callers = [NamekoCaller(broker.uri) for _ in range(NAMEKO_CALLERS)]
        threads = [threading.Thread(target=calls.make, args=(f"ours{n}", ours)) for n in range(OUR_CALLERS)]
        for number, caller in enumerate(nameko_callers):

            def nameko(method: str, params: dict[str, Any], caller: NamekoCaller = caller) -> bool:
                return "result" in caller.call(method, **params)

            threads.append(threading.Thread(target=calls.make, args=(f"nameko{number}", nameko)))
        for thread in threads:
            thread.start()
        calls.wait_for(300)
        broker.kill()
        time.sleep(outage_seconds)
        broker.start()
        for thread in threads:
            thread.join()
        for caller in nameko_callers:
            caller.close()

        assert service.is_running
        assert files.tag.add(file_id=target, tags=["x"])["tags"] == ["x"]
    lost_by_nameko = len(calls.failures)
    assert lost_by_nameko <= NAMEKO_CALLERS * 2, "our client lost calls, or the service did not come back by itself"
    assert_each_took_effect_once(service, calls.answered)
    wait_until_queues_are_empty(broker)


def assert_each_took_effect_once(service: ServiceProcess, answered: set[str]) -> None:
    """Compare with the change feed: an upload or renaming that ran twice would stand there twice."""
    core = open_core(load_settings(service.config))
    assert isinstance(core.metadata, SupportsChanges)
    effects, after = Counter[str](), ""
    while changes := file_changes(core.metadata, after=after, limit=500):
        effects.update(
            change.record.name for change in changes if change.record.name != "target" and not change.record.tags
        )
        after = changes[-1].sequence
    core.close()
    assert [name for name, count in effects.items() if count != 1] == []
    assert answered - set(effects) == set()


def wait_until_queues_are_empty(broker: RabbitMQ) -> None:
    """Nothing may be left that would be delivered again and again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with RawCaller(broker.uri) as raw:
        while raw.depth("rpc-files") != (0, 1) or raw.depth("rpc-files.tag") != (0, 1):
            assert time.monotonic() < deadline, (raw.depth("rpc-files"), raw.depth("rpc-files.tag"))
            time.sleep(0.05)


def test_service_and_client_wait_for_a_broker_that_is_not_there_and_the_service_can_be_stopped_meanwhile(
    broker: RabbitMQ, tmp_path: Path
) -> None:
    broker.kill()
    service = ServiceProcess(tmp_path, broker.uri)
    service.launch()
    try:
        service.wait_for_log("no connection to the broker")
        with FilesClient(broker.uri, timeout=0.3) as files, pytest.raises(ServiceUnavailable) as caught:
            files.count()
        assert caught.value.details["method"] == "files.count"
        assert service.stop() == 0
        service.launch()
        service.wait_for_log("no connection to the broker")
        broker.start()
        service.wait_for_log('"event": "ready"')
        with FilesClient(broker.uri) as files:
            files.count()
        broker.kill()
        service.wait_for_log("no connection to the broker")
        assert service.stop() == 0
    finally:
        service.kill()


def test_a_paused_broker_is_noticed_by_the_heartbeat(broker: RabbitMQ, tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, broker.uri, HEARTBEAT=1) as service, FilesClient(broker.uri, timeout=120) as files:
        files.count()
        broker.pause()
        try:
            service.wait_for_log("Too many heartbeats missed")
        finally:
            broker.resume()
        files.count()
