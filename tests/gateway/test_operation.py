"""Health, counters, pages, stopping, and what is not HTTP at all."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.app import DOORS
from files_service.gateway.limits import Limits
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.logs import ACCESS_LOGGER
from storage_adapters import MARK, CopyMark, SupportsIdentity, open_metadata_store
from storage_adapters.metadata.memory import MemoryMetadataStore
from tests.cores import memory_core
from tests.gateway.serving import WAIT_SECONDS, Reply, Served, serving, wait_until


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/healthz", 200, ""),
        ("HEAD", "/healthz", 200, ""),
        ("GET", "/readyz", 200, ""),
        ("GET", "/", 200, ""),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("PROPFIND", "/healthz", 405, "method_not_allowed"),
        ("GET", "/nope", 404, "not_found"),
        ("POST", "/nope", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
        ("PUT", "/blobs/%0A", 404, "not_found"),
        ("GET", "/%ff%fe", 404, "not_found"),
        ("GET", "/healthz/", 404, "not_found"),
        ("GET", "/healthz?" + "&".join("a=1" for _ in range(51)), 400, "bad_request"),
    ],
)
def test_an_address_is_answered_or_refused_in_the_envelope(
    gateway: Served, method: str, path: str, status: int, code: str
) -> None:
    reply = gateway.request(method, path)
    assert (reply.status, reply.code) == (status, code)


def test_every_answer_has_the_security_headers_and_names_no_version(gateway: Served) -> None:
    for path in ("/healthz", "/nope", "/", "/docs", "/blobs/x"):
        headers = gateway.request("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == ("same-origin" if path in ("/", "/docs") else "no-referrer")
        assert headers["Server"] == "files"


class Stuck:
    """A ping that does not return before it is allowed to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        self.go_on.wait(WAIT_SECONDS)


def test_readiness_names_the_part_that_fails_or_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core, stuck = memory_core(tmp_path), Stuck()

    def fail() -> None:
        raise RuntimeError("host db-7.internal is down")

    monkeypatch.setattr(core.metadata, "ping", fail)
    monkeypatch.setattr(core.blobs, "ping", stuck)
    with serving(core, Limits(ping_seconds=0.05, ping_lifetime_seconds=0)) as served:

        def asked() -> Reply:
            reply = served.request("GET", "/readyz")
            assert (reply.status, reply.json["ready"]) == (503, False)
            assert "no answer within" in reply.json["parts"]["blobs"]["error"]
            assert reply.json["parts"]["gateway"] == {"ok": True}
            return reply

        for _ in range(3):
            # On a busy machine the error of a part may come too late for an answer.
            wait_until(lambda: asked().json["parts"]["metadata"] == {"ok": False, "error": "does not answer"})
        assert served.request("GET", "/healthz").status == 200
        # A part that hangs is not asked again and again.
        assert stuck.asked == 1
        stuck.go_on.set()
        wait_until(lambda: served.request("GET", "/readyz").json["parts"]["blobs"]["ok"])


def test_a_part_that_is_not_needed_may_fail(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    settings = replace(core.settings, amqp_uri="amqp://guest:verysecret@127.0.0.1:9//")

    def ended() -> None:
        raise NotReady("the process exited")

    parts = [Part(name="syncer", check=ended, required=False)]
    with serving(replace(core, settings=settings), parts=parts) as served:
        reply = served.request("GET", "/readyz")
    assert (reply.status, reply.json["ready"]) == (200, True)
    assert reply.json["parts"]["syncer"] == {"ok": False, "error": "the process exited", "required": False}
    assert reply.json["parts"]["broker"] == {"ok": False, "error": "does not answer", "required": False}
    assert "required" not in reply.json["parts"]["metadata"]


def test_a_part_that_is_needed_and_failed_makes_the_process_unready(tmp_path: Path) -> None:
    def ended() -> None:
        raise NotReady("a thread of the worker ended: relay")

    with serving(memory_core(tmp_path), parts=[Part(name="worker", check=ended)]) as served:
        reply = served.request("GET", "/readyz")
    assert (reply.status, reply.json["ready"]) == (503, False)
    assert reply.json["parts"]["worker"] == {"ok": False, "error": "a thread of the worker ended: relay"}


def test_readiness_and_metrics_tell_of_a_list_store(tmp_path: Path) -> None:
    core = memory_core(tmp_path, list_url=f"sqlite:///{tmp_path}/lists.db", list_timeout_ms=60_000)
    second = core.lists.second
    assert second is not None
    assert isinstance(core.metadata, MemoryMetadataStore)
    with serving(core) as served:
        assert served.result("files.list")["served_by"] == "memory"
        with closing(open_metadata_store(f"sqlite:///{tmp_path}/lists.db")) as copy:
            assert isinstance(copy, SupportsIdentity)
            mark = CopyMark(source=core.metadata.identity(), checkpoint="0").to_text()
            assert copy.write_note(MARK, expected="", text=mark)
        core.metadata.move_checkpoint(second.progress.consumer, expected="", sequence="0")
        assert served.result("files.list")["served_by"] == "sqlite"
        assert served.request("GET", "/readyz").json["parts"]["lists"]["ok"]
        lines = served.request("GET", "/metrics").body.decode().splitlines()
    for line in (
        'files_lists_total{served_by="memory"} 1.0',
        'files_lists_total{served_by="sqlite"} 1.0',
        'files_list_fallbacks_total{reason="unsynced"} 1.0',
        "files_list_store_resting 0.0",
    ):
        assert line in lines


def test_a_stopping_gateway_is_not_ready_and_ends_connections(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        served.state.stopping = True
        reply = served.request("GET", "/readyz")
        assert (reply.status, reply.json["parts"]["gateway"]["error"]) == (503, "stopping")
        assert reply.headers["Connection"] == "close"


def test_a_stopped_gateway_takes_no_connections(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        served.stop()
        with pytest.raises(ConnectionRefusedError):
            served.connect()


def test_requests_bytes_and_actions_are_counted(tmp_path: Path) -> None:
    expected = {
        'files_http_requests_total{method="POST",route="/rpc/{method}",status="400"} 1.0',
        'files_http_requests_total{method="PUT",route="/blobs/{key}",status="201"} 1.0',
        'files_actions_total{action="files.info",code="bad_request"} 1.0',
        'files_actions_total{action="files.upload",code="ok"} 1.0',
        'files_actions_total{action="files.finish",code="ok"} 1.0',
        "files_uploaded_bytes_total 5.0",
        "files_downloaded_bytes_total 5.0",
        "files_http_requests_in_flight 1.0",
    }
    with serving(memory_core(tmp_path)) as served:
        record = served.result("files.upload", owner="ann", name="a", parts=[{"size": 5}])
        upload = record["parts"][0]["upload"]
        served.request("PUT", upload["url"], b"12345", upload["headers"])
        served.result("files.process", file_id=record["file_id"])
        [url] = served.result("files.download", file_id=record["file_id"])["urls"]
        served.request("GET", url)
        served.call("files.info", file_id="x")
        served.request("GET", "/some/path/that/nobody/knows")
        lines: list[str] = []

        def counted() -> bool:
            lines[:] = served.request("GET", "/metrics").body.decode().splitlines()
            return expected <= set(lines)

        # A request is counted after its last byte.
        wait_until(counted)
    assert not [line for line in lines if "nobody" in line]


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines about requests."""
    return [vars(record) for record in caplog.records if record.name == ACCESS_LOGGER]


def test_each_request_has_a_log_line_without_secrets(gateway: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "files_service.access"):
        gateway.request("GET", "/healthz?signature=verysecret&token=verysecret", headers={"X-Request-Id": "id-1"})
        wait_until(lambda: bool(logged(caplog)))
    [line] = logged(caplog)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/healthz", 200)
    assert "verysecret" not in str(line)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"POST /rpc/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /rpc/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /rpc/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /rpc/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, nonsense\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_the_envelope(gateway: Served, data: bytes) -> None:
    answer = gateway.talk(data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", head), answer[:200]
    assert b"Content-Type: application/json" in head
    assert b"Server: files\r\n" in head + b"\r\n"
    assert body.startswith(b'{"error":{"code":"')
    assert b"Traceback" not in body


def test_an_internal_failure_tells_the_client_nothing_but_the_request_id(
    gateway: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(_owner: str | None) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(gateway.core.metadata, "usage", explode)
    reply = gateway.call("files.count", owner="ann")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert b"secret" not in reply.body
    assert b"Zero" not in reply.body
    assert "a secret of ours" in caplog.text


class TestPages:
    """Pages without scripts, with everything escaped."""

    def test_the_description_is_readable_without_scripts_or_the_network(self, gateway: Served) -> None:
        page = gateway.request("GET", "/docs").body.decode()
        assert "POST /rpc/files.upload" in page
        assert "<script" not in page
        assert "http://" not in page.replace("http://127.0.0.1", "")
        assert "https://" not in page


def test_every_route_is_described(gateway: Served) -> None:
    paths = gateway.request("GET", "/openapi.json").json["paths"]
    for route, handlers in (row for door in DOORS for row in door.table().items()):
        plain = re.sub(r"\{(\w+):[^}]+\}", r"{\1}", route)
        described = paths.get(plain.replace("{method}", "files.info"))
        assert described is not None, route
        assert {method.lower() for method in handlers} <= set(described)


def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    limits = replace(Limits(), idle_connection_seconds=0.05)
    with serving(memory_core(tmp_path), limits) as served, served.connect() as connection:
        assert connection.recv(1) == b""


def test_requests_that_come_by_themselves_are_logged_at_debug_unless_they_fail(
    gateway: Served, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = {"/healthz": True, "/static/style.css": True, "/static/none.css": False, "/openapi.json": False}
    paths = {path: logging.DEBUG if quiet[path] else logging.INFO for path in quiet}
    with caplog.at_level(logging.DEBUG, "files_service.access"):
        for path in paths:
            gateway.request("GET", path)
        wait_until(lambda: len(logged(caplog)) == len(paths))
    assert {line["path"]: line["levelno"] for line in logged(caplog)} == paths
