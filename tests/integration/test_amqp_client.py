"""The client, over AMQP and over HTTP."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service.client import FilesClient, amqp, request_id
from files_service.errors import (
    AliasTaken,
    BadRequest,
    Conflict,
    Forbidden,
    InternalError,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unauthorized,
    WrongStatus,
)
from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import RPC_EXCHANGE, queue_name
from tests.cores import SECRETS, at_once
from tests.servers.network import Network
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.waiting import PATIENCE_SECONDS

UNKNOWN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TOKEN = SECRETS["FILES_RPC_TOKEN"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, str]]:
    [port] = free_ports(1)
    service = ServiceProcess(
        tmp_path_factory.mktemp("gateway"),
        "",
        command=("-m", "files_service.cli", "--config", "{config}", "gateway"),
        ready=("ready http", 1),
        environ={"FILES_HTTP": f"127.0.0.1:{port}"},
    )
    with service:
        yield service, f"http://127.0.0.1:{port}"


@pytest.fixture(params=["amqp", "http"])
def service_and_url(
    request: pytest.FixtureRequest, amqp_uri: str, rpc_service: ServiceProcess, gateway: tuple[ServiceProcess, str]
) -> tuple[ServiceProcess, str]:
    return gateway if request.param == "http" else (rpc_service, amqp_uri)


@pytest.fixture
def files(service_and_url: tuple[ServiceProcess, str]) -> Iterator[FilesClient]:
    with FilesClient(service_and_url[1], token=TOKEN, timeout=120) as client:
        yield client


def test_calls_and_their_results(files: FilesClient) -> None:
    owner = "client"
    file = files.upload(owner=owner, name="ü.txt", parts=[{"size": 1}], alias="mine", meta={"a": [1, None]})
    assert (file["name"], file["meta"]) == ("ü.txt", {"a": [1, None]})
    assert file["parts"][0]["upload"]["method"] == "PUT"
    assert files.tag.add(file_id=file["file_id"], tags=["x"])["tags"] == ["x"]
    assert [each["file_id"] for each in files.list(owner=owner)["files"]] == [file["file_id"]]
    with pytest.raises(AliasTaken) as caught:
        files.upload(owner=owner, name="other", parts=[{"size": 1}], alias="mine")
    assert caught.value.details["file_id"] == file["file_id"]
    assert files.remove(file_id=file["file_id"])["removed"] is True
    with pytest.raises(NotFound):
        files.info(file_id=file["file_id"])


def test_parameters_that_are_not_json_are_refused_before_they_are_sent(files: FilesClient) -> None:
    with pytest.raises(BadRequest):
        files.upload(owner="ann", name="x", parts=[{"size": 1}], meta={"a": object()})
    with pytest.raises(BadRequest):
        files.info(owner="\ud800", alias="x")


def test_the_request_id_crosses_the_wire(files: FilesClient, service_and_url: tuple[ServiceProcess, str]) -> None:
    token = request_id.set("seen-everywhere")
    try:
        with pytest.raises(NotFound):
            files.info(file_id=UNKNOWN_ID)
    finally:
        request_id.reset(token)
    service_and_url[0].wait_for_log('"request_id": "seen-everywhere"')


def test_threads_share_a_client(service_and_url: tuple[ServiceProcess, str]) -> None:
    names: list[str] = []

    def work(number: int, client: FilesClient) -> None:
        for turn in range(10):
            name = f"{number}-{turn}"
            file = client.upload(owner="shared", name=name, parts=[{"size": 1}])
            if client.info(file_id=file["file_id"])["name"] == name:
                names.append(name)

    with FilesClient(service_and_url[1], token=TOKEN, pool_size=3) as client:
        threads = [threading.Thread(target=work, args=(number, client)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(names)) == len(names) == 120


def test_another_patience_uses_the_same_connections(files: FilesClient) -> None:
    files.with_timeout(110).count()
    files.with_timeout(110).tag.access(owner="nobody", tag="x", access="public")


def test_idle_connections_that_a_network_has_forgotten_cost_one_short_question(
    amqp_uri: str, rpc_service: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Network(amqp_uri) as network:
        url = amqp_uri.replace(f":{urlsplit(amqp_uri).port}", f":{urlsplit(network.url).port}")
        with FilesClient(url, timeout=120) as files:
            barrier = threading.Barrier(4)

            def call(_: int) -> None:
                barrier.wait(PATIENCE_SECONDS)
                files.count()

            at_once(4, call)
            network.forget_connections()
            monkeypatch.setattr(amqp, "IDLE_SECONDS", 0.0)
            monkeypatch.setattr(amqp, "ANSWER_SECONDS", 0.3)
            asked: list[bool] = []
            works = amqp._Wire.works

            def noted(wire: Any) -> bool:
                asked.append(works(wire))
                # A busy broker is not so quick as one that is not there.
                monkeypatch.setattr(amqp, "ANSWER_SECONDS", 120)
                return asked[-1]

            monkeypatch.setattr(amqp._Wire, "works", noted)
            for _ in range(5):
                files.count()
    assert asked == [False, True, True, True, True]


def test_a_broker_that_has_lost_the_way_to_the_service_is_asked_again(
    amqp_uri: str, rpc_service: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ 3.10 takes messages a moment before the bindings of its topic exchanges are back."""
    exchange, returned = amqp._Wire.exchange, []
    with closing(open_connection(amqp_uri)) as broker, FilesClient(amqp_uri, timeout=120) as files:
        channel = broker.channel()
        way = (queue_name("files"), RPC_EXCHANGE, "files.*")

        def noted(wire: Any, *given: Any, **named: Any) -> Any:
            try:
                return exchange(wire, *given, **named)
            except amqp._NoReceiver:
                returned.append(1)
                channel.queue_bind(*way)
                raise

        monkeypatch.setattr(amqp._Wire, "exchange", noted)
        files.count()
        channel.queue_unbind(*way)
        files.count()
        assert returned == [1]
        channel.queue_unbind(*way)
        with FilesClient(amqp_uri, timeout=120) as new, pytest.raises(ServiceUnavailable, match="ever connected"):
            new.count()


@pytest.mark.parametrize("scheme", ["amqp", "http"])
def test_a_peer_that_does_not_answer_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        with FilesClient(url, timeout=0.3) as files, pytest.raises(ServiceUnavailable) as caught:
            files.count()
    assert caught.value.details["method"] == "files.count"


def test_a_wrong_token_is_said(gateway: tuple[ServiceProcess, str]) -> None:
    with FilesClient(gateway[1], token="wrong") as files, pytest.raises(Unauthorized):
        files.count()


@pytest.mark.parametrize("token", ["secret\n", " secret", "se\ncret", "secr\u00e9t", ""])
def test_a_token_that_no_header_carries_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FilesClient("http://127.0.0.1:8080", token=token)
    assert "cret" not in str(caught.value)


def test_a_request_id_that_no_header_carries_is_refused_at_once(gateway: tuple[ServiceProcess, str]) -> None:
    token = request_id.set("two\nlines")
    try:
        with FilesClient(gateway[1], token=TOKEN) as files, pytest.raises(BadRequest):
            files.count()
    finally:
        request_id.reset(token)


def test_a_password_for_the_host_does_not_take_the_place_of_the_token(
    gateway: tuple[ServiceProcess, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password another\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with FilesClient(gateway[1], token=TOKEN) as files:
        assert "total" in files.count(owner="ann")


def test_a_call_that_is_too_long_is_refused(files: FilesClient) -> None:
    with pytest.raises(TooLarge) as caught:
        files.head(owner="ann", aliases=["x" * 9_000_000])
    assert caught.value.details["field"] == "body"


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers one request after the other with what the script says."""

    script: list[tuple[int, bytes]]
    seen: list[tuple[str | None, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.headers["X-Request-Id"], json.loads(body)))
        status, answer = self.script.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[tuple[type[Scripted], str]]:
    handler = type("Handler", (Scripted,), {"script": [], "seen": []})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_without_service_is_asked_again_with_the_same_call(scripted: tuple[type[Scripted], str]) -> None:
    handler, url = scripted
    unavailable = json.dumps({"error": {"code": "service_unavailable", "message": "starting"}}).encode()
    handler.script += [(502, b"<html>"), (503, unavailable), (200, b'{"result": {"file_id": "x"}}')]
    with FilesClient(url) as files:
        assert files.upload(owner="a", name="b", parts=[{"size": 1}])["file_id"] == "x"
    assert len(handler.seen) == 3
    assert handler.seen[0] == handler.seen[1] == handler.seen[2]
    assert handler.seen[0][1]["request_id"]


def test_the_service_s_own_failure_is_not_asked_again(scripted: tuple[type[Scripted], str]) -> None:
    handler, url = scripted
    handler.script.append((503, b'{"error": {"code": "storage_unavailable", "message": "no"}}'))
    with FilesClient(url) as files, pytest.raises(Exception, match="no"):
        files.count()
    assert len(handler.seen) == 1


def test_answers_of_others_are_not_taken_for_the_service_s(scripted: tuple[type[Scripted], str]) -> None:
    handler, url = scripted
    handler.script += [(404, b"<html>"), (200, b"hello"), (200, b"[]"), (500, b'{"error": "x"}')]
    with FilesClient(url) as files:
        with pytest.raises(BadRequest):
            files.count()
        for _ in range(3):
            with pytest.raises(InternalError):
                files.count()


def test_people_are_managed_and_sign_in(files: FilesClient) -> None:
    accounts = files.accounts
    accounts.create_tenant(name="acme")
    made = accounts.create(name="amy", tenant="acme", role="admin")
    accounts.set_password(reset=made["reset"]["code"], password="a long enough phrase")
    with pytest.raises(Unauthorized):
        accounts.login(name="amy@acme", password="not that phrase")
    assert accounts.set_tenant_quota(tenant="acme", quota_bytes=1_000)["quota_bytes"] == 1_000
    assert accounts.set_quota(owner="amy@acme", quota_bytes=500)["quota_bytes"] == 500
    token = accounts.login(name="amy@acme", password="a long enough phrase")["token"]
    assert accounts.identify(token=token)["account"]["owner"] == "amy@acme"
    key = accounts.create_key(token=token, label="program", scopes=["files:read"])
    assert accounts.identify(token=key["key"])["scopes"] == ["files:read"]
    assert accounts.export(token=token)["entries"][0]["value"]["owner"] == "amy@acme"
    invite = accounts.create_invite(actor="amy@acme", tenant="acme")
    assert [each["owner"] for each in accounts.list(actor="amy@acme", tenant="acme")["accounts"]] == ["amy@acme"]
    with pytest.raises(NotFound):
        accounts.create_invite(actor="amy@acme", tenant="")
    accounts.revoke_invite(actor="amy@acme", invite_id=invite["invite_id"])
    accounts.logout(token=token)
    with pytest.raises(Unauthorized):
        accounts.identify(token=token)


def test_storage_is_asked_for(files: FilesClient) -> None:
    files.upload(owner="zoe", name="x", parts=[{"size": 7}])
    own = files.analytics.storage(owner="zoe", actor="zoe", days=3)
    assert (own["used"], own["count"], len(own["by_day"])) == (7, 1, 3)
    assert set(files.analytics.file_types()["by_kind"]) >= {"image", "other"}
    assert [month["count"] for month in files.timeline(owner="zoe").get("months", [])] == []
    with pytest.raises(Forbidden):
        files.analytics.storage(actor="zoe")


def test_versions_are_declared_listed_and_labelled(files: FilesClient) -> None:
    file_id = files.upload(owner="ann", name="x", parts=[{"size": 1}])["file_id"]
    with pytest.raises(WrongStatus):
        files.upload(owner="ann", version_of=file_id, parts=[{"size": 1}])
    [only] = files.versions.list(file_id=file_id)["versions"]
    assert (only["version_id"], only["current"]) == (file_id, True)
    files.versions.label(file_id=file_id, version_id=file_id, label="first")
    assert files.versions.list(file_id=file_id)["versions"][0]["label"] == "first"
    assert files.versions.restore(file_id=file_id, version_id=file_id)["file_id"] == file_id
    with pytest.raises(Conflict):
        files.versions.remove(file_id=file_id, version_id=file_id)
    with pytest.raises(NotFound):
        files.versions.download(file_id=file_id, version_id="x")


def test_links_are_made_changed_and_revoked(files: FilesClient) -> None:
    file_id = files.upload(owner="ann", name="x", parts=[{"size": 1}])["file_id"]
    made = files.shares.create(owner="ann", items=[file_id], title="Trip")
    assert files.shares.update(share_id=made["share_id"], changes={"title": "Our trip"})["title"] == "Our trip"
    assert [each["share_id"] for each in files.shares.list(owner="ann")["shares"]] == [made["share_id"]]
    assert files.shares.revoke(share_id=made["share_id"])["state"] == "revoked"
    with pytest.raises(NotFound):
        files.shares.info(share_id=made["share_id"], actor="bob")


def test_an_archive_needs_files_that_are_there_and_ready(files: FilesClient) -> None:
    file_id = files.upload(owner="ann", name="a.txt", parts=[{"size": 1}])["file_id"]
    with pytest.raises(WrongStatus) as pending:
        files.archive(file_ids=[file_id], name="trip.zip", actor="ann")
    assert pending.value.details == {"file_id": file_id, "status": "pending"}
    with pytest.raises(NotFound) as foreign:
        files.archive(file_ids=[file_id], actor="bob")
    assert foreign.value.details == {"file_id": file_id}
