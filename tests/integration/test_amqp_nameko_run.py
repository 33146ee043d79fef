"""The services under nameko's own command, which patches the whole process, and under load."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.client import FilesClient
from files_service.errors import BadRequest
from tests.integration.callers import purge_calls
from tests.scale import at_scale
from tests.servers.processes import ServiceProcess

THREADS, CALLS = 20, at_scale(quick=10, default=10, nightly=25)
NAMEKO_RUN = ("-m", "nameko", "run", "--config", "{config}", "files_service.service")


@pytest.fixture(params=["files rpc", "nameko run"])
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "memory"])
def service(request: pytest.FixtureRequest, command: str, amqp_uri: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    purge_calls(amqp_uri)
    environ = {"FILES_METADATA_URL": "memory://"} if request.param == "memory" else {}
    if command == "nameko run":
        process = ServiceProcess(tmp_path, amqp_uri, environ=environ, command=NAMEKO_RUN, ready=("consuming", 2))
    else:
        process = ServiceProcess(tmp_path, amqp_uri, environ=environ)
    with process:
        yield process


def test_many_callers_at_once_are_all_answered(amqp_uri: str, service: ServiceProcess) -> None:
    failures: list[str] = []

    def work(number: int, files: FilesClient) -> None:
        try:
            record = files.upload(owner=f"owner-{number}", name="x", parts=[{"size": 1}])
            file_id = record["file_id"]
            for turn in range(CALLS):
                # Each refused call writes a line to the log from the thread of the core.
                with pytest.raises(BadRequest):
                    files.info(file_id="x")
                files.tag.sync(file_id=file_id, tags=[f"t{turn}"])
                assert files.info(file_id=file_id)["tags"] == [f"t{turn}"]
        except BaseException as error:
            failures.append(repr(error))

    with FilesClient(amqp_uri, timeout=120, pool_size=THREADS) as files:
        threads = [threading.Thread(target=work, args=(number, files)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert files.count()["total"] == THREADS
    assert threads_of(service) <= 40
    assert "greenlet.error" not in service.log()
    assert service.stop() == 0


def threads_of(service: ServiceProcess) -> int:
    return len(list(Path(f"/proc/{service.pid}/task").iterdir()))
