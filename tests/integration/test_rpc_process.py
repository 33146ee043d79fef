"""``files rpc`` as a process: what it says when it cannot start, and what it counts."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest

from files_service.client import FilesClient
from files_service.errors import BadRequest
from tests.integration.callers import purge_calls
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess

SECONDS = 300


def refused(service: ServiceProcess) -> str:
    """What a process says that is not to become ready."""
    try:
        service.launch()
        assert service.wait(SECONDS) == 1
    finally:
        service.kill()
    return service.log()


def test_a_store_that_cannot_be_opened_ends_the_process_with_the_reason(amqp_uri: str, tmp_path: Path) -> None:
    environ = {"FILES_METADATA_URL": f"redis://127.0.0.1:{free_ports(1)[0]}"}
    said = refused(ServiceProcess(tmp_path, amqp_uri, environ=environ))
    assert "Error: cannot open the store of FILES_METADATA_URL: redis:" in said
    assert "files doctor" in said
    assert "Traceback" not in said


def test_an_address_for_metrics_that_is_taken_ends_the_process_with_the_reason(amqp_uri: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(ServiceProcess(tmp_path, amqp_uri, environ={"FILES_METRICS_HTTP": address}))
    assert f"Error: cannot serve metrics at {address}" in said
    assert "Traceback" not in said


def test_calls_are_counted_and_timed(amqp_uri: str, tmp_path: Path) -> None:
    purge_calls(amqp_uri)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with (
        ServiceProcess(tmp_path, amqp_uri, environ={"FILES_METRICS_HTTP": address}) as service,
        FilesClient(amqp_uri, timeout=SECONDS) as files,
    ):
        for _ in range(3):
            files.count()
        with pytest.raises(BadRequest):
            files.info(file_id="x")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        assert 'files_actions_total{action="files.count",code="ok"} 3.0' in lines
        assert 'files_actions_total{action="files.info",code="bad_request"} 1.0' in lines
        assert 'files_action_seconds_count{action="files.count"} 3.0' in lines
        assert 'files_lists_total{served_by="sqlite"} 3.0' in lines
        assert service.stop() == 0
