"""``files up`` as people use it: one process, a real file, kill -9, and everything is there."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from files_service.client import FilesClient
from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import RPC_EXCHANGE
from tests.servers.commands import run_command
from tests.servers.ports import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.zygote import Started
from tests.waiting import wait_until

SIZE = 8_000_000
# Of a machine that does much else; nothing waits for longer than it must.
WAIT_SECONDS = 300
eventually = partial(wait_until, seconds=WAIT_SECONDS)


class Up:
    """``files up`` on a data folder of its own."""

    def __init__(self, folder: Path, **environ: str) -> None:
        [port] = free_ports(1)
        address = f"127.0.0.1:{port}"
        self.environ = {**os.environ, "FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": address, "AMQP_URI": ""}
        self.environ |= environ
        self.data_dir = folder / "data"
        self.url = f"http://{address}"
        self._log, self._printed = folder / "log", folder / "log.printed"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it; returns the sign-in link, which comes with the line that says it is ready."""
        command = [sys.executable, "-m", "files_service.cli", "up"]
        with self._log.open("a") as log, self._printed.open("a") as printed:
            before = printed.tell()
            process = self._process = Started(command, env=self.environ, stdout=printed, stderr=log)

        def lines() -> list[str]:
            return self._printed.read_text()[before:].splitlines(keepends=True)

        eventually(lambda: process.poll() is not None or "".join(lines()).count("\n") >= 2)
        assert lines()[1:] == [f"ready {self.url}\n"], self.log
        return lines()[0].removeprefix("sign in ").strip()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(WAIT_SECONDS)
        self._process = None
        return status

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def files(self, *arguments: str) -> Any:
        """Run the command line; returns what it printed."""
        command = [sys.executable, "-m", "files_service.cli", *arguments]
        done = run_command(command, answers=True, environ=self.environ, seconds=WAIT_SECONDS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def call(self, method: str, **params: Any) -> Any:
        """Call a method as the command line does, without the price of a process; returns the result."""
        headers = {"Authorization": f"Bearer {(self.data_dir / 'secrets' / 'rpc_token').read_text()}"}
        headers["Content-Type"] = "application/json"
        status, body = request("POST", f"{self.url}/rpc/{method}", json.dumps(params).encode(), headers)
        assert status == 200, body
        return json.loads(body)["result"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with Up(tmp_path) as up:
        up.start()
        yield up


def request(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    """Make a request; returns status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=WAIT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def upload(up: Up, content: bytes) -> str:
    """Declare by the command line, and send the bytes; returns the file's id."""
    parts = json.dumps([{"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}])
    record = up.files("call", "files.upload", "owner=ann", "name=clip.bin", f"parts={parts}")
    address = record["parts"][0]["upload"]
    status, body = request("PUT", address["url"], content, address["headers"])
    assert status == 201, body
    return str(record["file_id"])


def processed(up: Up, file_id: str) -> bool:
    return bool(up.call("files.info", file_id=file_id)["status"] == "processed")


def test_a_file_is_taken_processed_listed_and_given_back_and_survives_kill_9(up: Up) -> None:
    content = os.urandom(SIZE)
    file_id = upload(up, content)
    eventually(lambda: processed(up, file_id))
    up.end(signal.SIGKILL)
    up.start()
    listed = up.files("call", "files.list", "owner=ann", 'fields=["name", "size", "status"]')["files"]
    assert listed == [{"file_id": file_id, "name": "clip.bin", "size": SIZE, "status": "processed"}]
    [url] = up.files("call", "files.download", f"file_id={file_id}")["urls"]
    assert request("GET", url) == (200, content)
    assert up.files("call", "files.count", "owner=ann")["total"] == 1


def test_bytes_acknowledged_a_moment_before_kill_9_are_processed_after_the_restart(up: Up) -> None:
    content = os.urandom(SIZE)
    file_id = upload(up, content)
    up.end(signal.SIGKILL)
    up.start()
    eventually(lambda: processed(up, file_id))
    [url] = up.files("call", "files.download", f"file_id={file_id}")["urls"]
    assert request("GET", url) == (200, content)


def test_an_upload_that_kill_9_cut_off_can_be_repeated_and_leaves_nothing_else(up: Up) -> None:
    content = os.urandom(SIZE)
    record = up.call("files.upload", owner="ann", name="a", parts=[{"size": SIZE}])
    address = record["parts"][0]["upload"]
    parts = urlsplit(address["url"])
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=WAIT_SECONDS)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    for name, value in address["headers"].items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(content[: SIZE // 2])
    unfinished = up.data_dir / "blobs" / "tmp"
    eventually(lambda: any(path.stat().st_size for path in unfinished.rglob("content")))
    up.end(signal.SIGKILL)
    connection.close()
    up.start()
    assert list(unfinished.rglob("content")) == []
    assert request("PUT", address["url"], content, address["headers"])[0] == 201
    eventually(lambda: processed(up, record["file_id"]))


def test_a_signal_ends_it_without_a_trace_and_another_start_finds_everything(up: Up) -> None:
    file_id = upload(up, b"content")
    for number in (signal.SIGTERM, signal.SIGINT):
        assert up.end(number) == 0
        assert "Traceback" not in up.log
        up.start()
    eventually(lambda: processed(up, file_id))


def test_the_sign_in_link_opens(tmp_path: Path) -> None:
    with Up(tmp_path) as up:
        address, _, code = up.start().partition("#")
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": up.url}
        answers = [request("POST", address, f"link={code}".encode(), form)[0] for _ in range(2)]
        shown, page = request("GET", address)
    assert answers == [303, 401]
    assert (shown, b"Sign in by the link" in page) == (200, True)


def test_the_log_is_json_and_shows_no_secret(up: Up) -> None:
    upload(up, b"content")
    up.end(signal.SIGTERM)
    lines = [json.loads(line) for line in up.log.splitlines()]
    assert any(line["event"] == "request" and line["path"] == "/rpc/files.upload" for line in lines)
    secrets = [path.read_text().strip() for path in (up.data_dir / "secrets").iterdir()]
    assert len(secrets) == 3
    assert not any(secret in up.log for secret in secrets)
    assert "signature=" not in up.log


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(each)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for each in (task / "children").read_text().split()
    ]


@pytest.mark.broker
def test_the_nameko_service_is_started_again_and_ends_with_its_parent(tmp_path: Path, amqp_uri: str) -> None:
    with Up(tmp_path, AMQP_URI=amqp_uri) as up:
        up.start()
        eventually(lambda: bool(children(up.pid)))
        [first] = children(up.pid)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: children(up.pid) not in ([], [first]))
        [second] = children(up.pid)
        eventually(lambda: '"services"' in up.log)
        assert up.files("call", "--amqp", "files.count", "owner=ann")["total"] == 0
        up.end(signal.SIGKILL)
        eventually(lambda: not alive(second))
        up.start()
        eventually(lambda: bool(children(up.pid)))
        [third] = children(up.pid)
        assert up.end(signal.SIGTERM) == 0
        assert not alive(third)


@pytest.mark.broker
def test_a_call_right_after_ready_waits_for_the_nameko_service(tmp_path: Path) -> None:
    # The broker has the exchange of other services, and no queue of this one, which starts in the meantime.
    with RabbitMQ(tmp_path / "broker") as broker, Up(tmp_path, AMQP_URI=broker.uri) as up:
        with open_connection(broker.uri) as connection:
            connection.channel().exchange_declare(RPC_EXCHANGE, "topic", durable=True, auto_delete=False)
        up.start()
        with FilesClient(broker.uri, timeout=WAIT_SECONDS) as files:
            assert files.count(owner="ann")["total"] == 0


def test_an_address_of_a_broker_that_is_none_leaves_http_at_work(tmp_path: Path) -> None:
    with Up(tmp_path, AMQP_URI="amqp-none://127.0.0.1") as up:
        up.start()
        assert up.files("call", "files.count", "owner=ann")["total"] == 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_operators_have_an_address_of_their_own(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with Up(tmp_path, FILES_OPERATION_HTTP=f"127.0.0.1:{port}") as up:
        up.start()
        operation = f"http://127.0.0.1:{port}"
        assert request("GET", f"{up.url}/metrics")[0] == 404
        assert b"files_worker_alive 1.0" in request("GET", f"{operation}/metrics")[1]
        assert json.loads(request("GET", f"{up.url}/readyz")[1]) == {"ready": True}
        assert "worker" in json.loads(request("GET", f"{operation}/readyz")[1])["parts"]
        command = [sys.executable, "-m", "files_service.cli", "doctor", "--json"]
        done = run_command(command, environ=up.environ, seconds=WAIT_SECONDS)
        lines = {line["part"]: line for line in map(json.loads, done.stdout.splitlines())}
        assert (lines["gateway"]["ok"], lines["operation"]["ok"]) == (True, True), done.stdout
