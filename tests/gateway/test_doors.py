"""Doors beside each other: one with its own errors, authentication and CORS, and calls that count alike at all."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web

from files_service.errors import Forbidden
from files_service.gateway.app import DOORS
from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import nobody, owner_of
from files_service.gateway.cors import Cors
from files_service.gateway.openapi import preflight_route, reply
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.routes import Door, Match, Route, at
from files_service.gateway.state import gateway_of
from files_service.runtime.limiter import Limiter
from tests.cores import memory_core, processed_file
from tests.gateway.notified import TOKEN
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served, serving
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import BYTES, TUS
from tests.pages.visits import cookie

SECRET = b"a key of the door"
OBJECTS = web.AppKey("objects", Limiter)


def xml_error(request: web.Request, error: HTTPError) -> web.StreamResponse:
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = error.error.code
    ET.SubElement(root, "Resource").text = request.path
    answer = web.Response(body=ET.tostring(root), status=error.status, content_type="application/xml")
    answer.headers.update(error.headers)
    return answer


def by_signature(request: web.Request) -> Caller | None:
    """Authenticate by an owner and the HMAC of the owner and the path."""
    owner, _, signature = request.headers.get("X-Signature", "").partition(":")
    if not owner:
        return None
    actual = hmac.digest(SECRET, f"{owner}\n{request.path}".encode(), "sha256").hex()
    if not hmac.compare_digest(actual, signature):
        raise Forbidden("the signature does not match")
    return Caller(owner)


def signed(path: str, owner: str = "ann") -> dict[str, str]:
    return {"X-Signature": f"{owner}:{hmac.digest(SECRET, f'{owner}{chr(10)}{path}'.encode(), 'sha256').hex()}"}


def one_parameter(request: web.Request) -> None:
    if len(request.query) > 1:
        raise bad_field("query", "One is enough.")


async def list_objects(request: web.Request) -> web.StreamResponse:
    gateway, owner = gateway_of(request), owner_of(request)
    with request.config_dict[OBJECTS].take():
        found = await gateway.calls.run(gateway.invoke, "files.list", {"owner": owner, "actor": owner})
    root = ET.Element("Objects")
    for each in found["files"]:
        ET.SubElement(root, "Key").text = each["file_id"]
    return web.Response(body=ET.tostring(root), content_type="application/xml")


async def fail(request: web.Request) -> web.StreamResponse:
    raise RuntimeError("a secret of the gateway")


def toy(match: Match) -> Door:
    return Door(
        name="toy",
        match=match,
        routes=(
            Route("GET", "/toy/objects", list_objects, "toy_list", "List objects.", {200: reply("Objects.")}),
            preflight_route("/toy/objects", "toy_options"),
            Route("POST", "/toy/objects", fail, "toy_fail", "Fail.", {}),
        ),
        authenticate=by_signature,
        cors=Cors("X-Signature", "X-Toy"),
        error_form=xml_error,
        limits=one_parameter,
        headers={"X-Toy": "1"},
        state={OBJECTS: lambda _: Limiter("objects", 1)},
        tag="toys",
        errors=(400, 401, 403),
    )


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a door of the test's own beside the real ones."""
    with serving(memory_core(tmp_path_factory.mktemp("data")), doors=(*DOORS, toy(at("/toy/")))) as served:
        yield served


def error_code(answer: Reply) -> str | None:
    assert answer.headers["Content-Type"] == "application/xml"
    return ET.fromstring(answer.body).findtext("Code")


def test_a_door_answers_by_its_own_authentication(beside: Served) -> None:
    file_id = processed_file(beside.core)["file_id"]
    answer = beside.request("GET", "/toy/objects", headers=signed("/toy/objects"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/xml")
    assert file_id in [each.text for each in ET.fromstring(answer.body)]
    # What opens one door opens no other.
    assert error_code(beside.request("GET", "/toy/objects", headers=bearer("ann"))) == "unauthorized"
    assert error_code(beside.request("GET", "/toy/objects", headers=cookie())) == "unauthorized"
    assert error_code(beside.request("GET", "/toy/objects", headers=signed("/toy/other"))) == "forbidden"
    assert beside.request("GET", "/api/files", headers=signed("/api/files")).code == "unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/toy/nothing/here", 404, "not_found"),
        ("GET", "/toy/%0A", 404, "not_found"),
        ("DELETE", "/toy/objects", 405, "method_not_allowed"),
        ("GET", "/toy/objects?a=1&b=2", 400, "bad_request"),
        ("POST", "/toy/objects", 500, "internal_error"),
    ],
)
def test_a_door_answers_every_error_in_its_own_form(
    beside: Served, method: str, path: str, status: int, code: str
) -> None:
    answer = beside.request(method, path, headers=signed("/toy/objects"))
    assert (answer.status, error_code(answer)) == (status, code)
    assert b"secret" not in answer.body
    assert (answer.headers["X-Toy"], answer.headers["Server"]) == ("1", "files")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST" if status == 405 else "Allow" not in answer.headers


def test_a_door_has_a_cors_table_and_limits_of_its_own(beside: Served) -> None:
    answer = beside.request("OPTIONS", "/toy/objects")
    assert (answer.status, answer.headers["Access-Control-Allow-Headers"]) == (204, "X-Signature")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert answer.headers["Access-Control-Expose-Headers"] == "X-Toy"
    assert "Authorization" in beside.request("OPTIONS", "/api/files").headers["Access-Control-Allow-Headers"]
    with beside.state_of(OBJECTS).take():
        busy = beside.request("GET", "/toy/objects", headers=signed("/toy/objects"))
        assert (busy.status, error_code(busy)) == (503, "service_unavailable")
        assert beside.request("GET", "/api/files", headers=bearer("ann")).status == 200


def test_the_other_doors_are_as_they_were(beside: Served, gateway: Served) -> None:
    changing = ("Date", "X-Request-Id")
    paths = ("/healthz", "/nope", "/api/files", "/api/nope", "/blobs/x", "/tus/x", "/rpc/x", "/ws/upload", "/toys")
    for method in ("GET", "HEAD", "OPTIONS", "PROPFIND"):
        for path in paths:
            one, other = (each.request(method, path) for each in (beside, gateway))
            assert one.status == other.status
            assert [each for each in one.headers.items() if each[0] not in changing] == [
                each for each in other.headers.items() if each[0] not in changing
            ]


def test_a_door_is_described_beside_the_others(beside: Served) -> None:
    paths = beside.request("GET", "/openapi.json").json["paths"]
    assert paths["/toy/objects"]["get"]["security"]
    assert "/api/files" in paths


def test_a_door_may_be_found_by_the_name_of_the_host(tmp_path: Path) -> None:
    door = toy(lambda request: request.host.endswith(".toy.example"))
    at_host = replace(door, routes=[replace(each, path="/healthz") for each in door.routes])
    with serving(memory_core(tmp_path), doors=(at_host, *DOORS)) as served:
        answer = served.request("GET", "/healthz", headers={"Host": "ann.toy.example", **signed("/healthz")})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/xml")
        assert error_code(served.request("GET", "/nope", headers={"Host": "ann.toy.example"})) == "not_found"
        assert served.request("GET", "/healthz").json == {"ok": True}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (route.method, route.path)
        for door in DOORS
        if door.authenticate is not nobody
        for route in door.routes
        if route.method != "OPTIONS"
    ],
)
def test_every_address_that_needs_a_token_refuses_a_request_without_a_valid_one(
    gateway: Served, method: str, path: str
) -> None:
    headers = {"Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "PATCH"}
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Cookie": "files_session=x"}):
        answer = gateway.request(method, re.sub(r"{\w+}", "x", path), headers={**headers, **wrong})
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="files"'


class Counted:
    """The calls that a gateway has counted, by method and code."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._before = self._now()

    def _now(self) -> dict[tuple[str, str], float]:
        return {
            (sample.labels["action"], sample.labels["code"]): sample.value
            for family in self._served.state.metrics.registry.collect()
            if family.name == "files_actions"
            for sample in family.samples
            if sample.name == "files_actions_total"
        }

    def new(self) -> dict[str, float]:
        """The calls since the last question."""
        before, self._before = self._before, self._now()
        found = {each: count - before.get(each, 0) for each, count in self._before.items()}
        return {f"{method} {code}": count for (method, code), count in found.items() if count}


def test_calls_by_rpc_and_signed_url_are_counted(gateway: Served) -> None:
    counted = Counted(gateway)
    upload = gateway.result("files.upload", owner="ann", name="a", parts=[{"size": 3}])["parts"][0]["upload"]
    assert counted.new() == {"files.upload ok": 1}
    assert gateway.request("PUT", upload["url"], b"abc", upload["headers"]).status == 201
    assert counted.new() == {"files.finish ok": 1}


def test_calls_by_rest_are_counted(gateway: Served, caplog: pytest.LogCaptureFixture) -> None:
    ann, counted = bearer("ann"), Counted(gateway)
    file_id = gateway.request("POST", "/api/files/upload?name=a", b"abc", ann).json["file_id"]
    assert counted.new() == {"files.upload ok": 1, "files.finish ok": 1}
    gateway.result("files.process", file_id=file_id)
    counted.new()
    json = {**ann, "Content-Type": "application/json"}
    for method, path, body, headers, expected in (
        ("GET", "", None, ann, "files.info ok"),
        ("GET", "/manifest", None, ann, "files.manifest ok"),
        ("GET", "/download", None, ann, "files.download ok"),
        ("PUT", "/access", b'{"access": "shared"}', json, "files.access ok"),
        ("GET", "/download?part=nope", None, ann, "files.download not_found"),
        ("GET", "", None, bearer("eve"), "files.info forbidden"),
        ("GET", "", None, {}, "files.info unauthorized"),
        ("DELETE", "", None, ann, "files.remove ok"),
    ):
        gateway.request(method, f"/api/files/{file_id}{path}", body, headers)
        assert counted.new() == {expected: 1}
    gateway.request("GET", "/api/files", headers=ann)
    assert counted.new() == {"files.list ok": 1}
    with caplog.at_level(logging.INFO, "files_service.gateway"):
        gateway.request("GET", f"/api/files/{file_id}", headers=ann)
    assert ("files.info", "not_found") in [
        (vars(each).get("method"), vars(each).get("code")) for each in caplog.records if each.message == "call failed"
    ]


def test_calls_by_tus_are_counted(gateway: Served) -> None:
    counted = Counted(gateway)
    url = gateway.request("POST", "/tus/", headers={**TUS, "Upload-Length": "3"}).headers["Location"]
    assert counted.new() == {"files.upload ok": 1}
    gateway.request("PATCH", url, b"a", {**BYTES, "Upload-Offset": "0"})
    assert counted.new() == {}
    gateway.request("PATCH", url, b"bc", {**BYTES, "Upload-Offset": "1"})
    assert counted.new() == {"files.finish ok": 1}
    gateway.request("DELETE", url, headers=TUS)
    assert counted.new() == {"files.remove ok": 1}
    gateway.request("POST", "/tus/", headers={**TUS, "Upload-Length": str(2**53 - 1)})
    assert counted.new() == {"files.upload too_large": 1}


def test_calls_by_websocket_are_counted(gateway: Served) -> None:
    counted = Counted(gateway)

    async def scene(client: Talk) -> Any:
        await client.ask(op="start", name="a", size=3)
        await client.put(0, b"abc")
        await client.hear()
        return await client.ask(op="finish")

    assert talk(gateway.port, scene)["op"] == "done"
    assert counted.new() == {"files.upload ok": 1, "files.manifest ok": 1, "files.finish ok": 1}


def test_calls_by_the_pages_are_counted(gateway: Served) -> None:
    file_id = processed_file(gateway.core)["file_id"]
    counted = Counted(gateway)
    for path, expected in (
        ("/", ["files.list ok", "folders.list ok"]),
        (f"/download/{file_id}", ["files.info ok"]),
        (f"/download/{file_id}?raw=1", ["files.download ok"]),
    ):
        gateway.request("GET", path, headers=cookie())
        assert counted.new() == dict.fromkeys(expected, 1)
    gateway.request("GET", f"/download/{file_id}")
    assert counted.new() == {"files.info not_found": 1}


def test_notifications_at_the_webhooks_are_counted(hooked: Served) -> None:
    hooked.request("POST", "/webhooks/gcs/pubsub", b"{}", {"X-Files-Token": TOKEN})
    [family] = [each for each in hooked.state.metrics.registry.collect() if each.name == "files_notifications"]
    assert [(each.labels["source"], each.value) for each in family.samples if each.name.endswith("_total")] == [
        ("push", 1)
    ]
