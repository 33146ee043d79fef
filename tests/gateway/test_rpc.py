"""``POST /rpc/<method>``: request, status, code, field."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from files_service.gateway.auth.bearer import make_token
from files_service.gateway.limits import Limits
from tests.cores import SECRETS, memory_core
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, Served, serving

JWT_SECRET = SECRETS["FILES_JWT_SECRET"]
GOOD = {"Authorization": f"Bearer {RPC_TOKEN}", "Content-Type": "application/json"}
COUNT = "/rpc/files.count"
UTF_16 = {**GOOD, "Content-Type": "application/json; charset=utf-16"}


def signed(claims: object, secret: str = JWT_SECRET, algorithm: str = "HS256") -> str:
    assert isinstance(claims, dict)
    return jwt.encode(claims, secret, algorithm)


def without(name: str, **more: str) -> dict[str, str]:
    return {key: value for key, value in {**GOOD, **more}.items() if key != name}


def nested(depth: int) -> bytes:
    return b'{"filter":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code", "field"),
    [
        ("POST", COUNT, b"{}", GOOD, 200, "", ""),
        ("POST", COUNT, b"{}", {**GOOD, "Content-Type": "application/json; charset=utf-8"}, 200, "", ""),
        ("POST", COUNT, b"{}", without("Authorization"), 401, "unauthorized", "Authorization"),
        ("POST", COUNT, b"{}", {**GOOD, "Authorization": "Bearer"}, 401, "unauthorized", "Authorization"),
        ("POST", COUNT, b"{}", {**GOOD, "Authorization": "Bearer x"}, 401, "unauthorized", "Authorization"),
        ("POST", COUNT, b"{}", {**GOOD, "Authorization": f"Basic {RPC_TOKEN}"}, 401, "unauthorized", "Authorization"),
        ("POST", COUNT, b"{}", {**GOOD, "Authorization": f"Bearer {RPC_TOKEN}x"}, 401, "unauthorized", "Authorization"),
        ("POST", COUNT, b"{}", {**GOOD, "Authorization": "Bearer \xe4\xfc"}, 401, "unauthorized", "Authorization"),
        ("POST", "/rpc/files.nope", b"{}", GOOD, 404, "not_found", ""),
        ("POST", "/rpc/files.nope", b"{}", without("Authorization"), 401, "unauthorized", "Authorization"),
        ("POST", "/rpc/", b"{}", GOOD, 404, "not_found", ""),
        ("POST", "/rpc/files.count/", b"{}", GOOD, 404, "not_found", ""),
        ("GET", COUNT, None, GOOD, 405, "method_not_allowed", ""),
        ("DELETE", COUNT, None, GOOD, 405, "method_not_allowed", ""),
        ("POST", COUNT, b"{}", without("Content-Type"), 415, "unsupported_type", "Content-Type"),
        ("POST", COUNT, b"{}", {**GOOD, "Content-Type": "text/plain"}, 415, "unsupported_type", "Content-Type"),
        ("POST", COUNT, b"{}", UTF_16, 415, "unsupported_type", "Content-Type"),
        ("POST", COUNT, b"{}", {**GOOD, "Content-Encoding": "gzip"}, 415, "unsupported_type", "Content-Encoding"),
        ("POST", COUNT, b"", GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b"{", GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b"[]", GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b"null", GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b'{"owner": NaN}', GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b'{"owner": "\\ud800"}', GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b'{"owner": "\xff"}', GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b'{} {}', GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, nested(101), GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, nested(100_000), GOOD, 400, "bad_request", "body"),
        ("POST", COUNT, b"{" + b" " * 2_097_152 + b"}", GOOD, 413, "too_large", ""),
        ("POST", COUNT, b'{"owner": "ann", "owner": 1}', GOOD, 400, "bad_request", "owner"),
        ("POST", COUNT, b'{"nope": 1}', GOOD, 400, "bad_request", "nope"),
        ("POST", COUNT, b'{"owner": "a\\u0000b"}', GOOD, 400, "bad_request", "owner"),
        ("POST", COUNT, b"{}", {**GOOD, "Expect": "tea"}, 417, "bad_request", "Expect"),
        ("POST", "/rpc/files.info", b'{"file_id": "../../etc/passwd"}', GOOD, 400, "bad_request", "file_id"),
        ("POST", "/rpc/files.info", b'{"file_id": 1234567890123456789012345}', GOOD, 400, "bad_request", "file_id"),
        ("POST", "/rpc/files.info", b'{"file_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}', GOOD, 404, "not_found", ""),
    ],
)  # fmt: skip
def test_a_call_is_answered_or_refused_with_code_and_field(
    gateway: Served,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    status: int,
    code: str,
    field: str,
) -> None:
    reply = gateway.request(method, path, body, headers)
    assert (reply.status, reply.code) == (status, code)
    if field:
        assert reply.fields == [field]


def test_the_result_is_that_of_the_action(gateway: Served) -> None:
    assert gateway.result("files.count", owner="nobody")["total"] == 0


@pytest.mark.parametrize(
    ("claims", "secret", "algorithm"),
    [
        ({"sub": "ann"}, JWT_SECRET, "HS256"),
        ({"exp": time.time() + 60}, JWT_SECRET, "HS256"),
        ({"sub": "ann", "exp": time.time() - 1}, JWT_SECRET, "HS256"),
        ({"sub": "ann", "exp": "soon"}, JWT_SECRET, "HS256"),
        ({"sub": "ann", "exp": time.time() + 90_000, "nbf": time.time() + 86_400}, JWT_SECRET, "HS256"),
        ({"sub": "", "exp": time.time() + 60}, JWT_SECRET, "HS256"),
        ({"sub": "a" * 79, "exp": time.time() + 60}, JWT_SECRET, "HS256"),
        ({"sub": "ann", "exp": time.time() + 60}, "another-secret-0123456789-0123456789", "HS256"),
        ({"sub": "ann", "exp": time.time() + 60}, JWT_SECRET + JWT_SECRET, "HS512"),
        ({"sub": "ann", "exp": time.time() + 60}, "", "none"),
    ],
)
def test_a_token_that_is_not_ours_now_is_refused(
    gateway: Served, claims: dict[str, object], secret: str, algorithm: str
) -> None:
    reply = gateway.call("files.count", token=signed(claims, secret, algorithm), owner="ann")
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_an_issuer_whose_clock_is_a_little_ahead_is_accepted(gateway: Served) -> None:
    now = time.time()
    claims = {"sub": "ann", "iat": now + 45, "nbf": now + 45, "exp": now + 600}
    assert gateway.call("files.count", token=signed(claims), owner="ann").status == 200


def test_a_token_whose_sub_is_not_text_is_refused(gateway: Served) -> None:
    head, _, rest = signed({"sub": "1", "exp": time.time() + 60}).partition(".")
    assert rest
    for subject in (1, None, ["ann"], {"a": 1}):
        body = {"sub": subject, "exp": time.time() + 60}
        token = jwt.api_jws.encode(json.dumps(body).encode(), JWT_SECRET, "HS256")
        assert head
        assert gateway.call("files.count", token=token, owner="ann").status == 401


class TestAnEndUser:
    """A bearer of a JWT is its ``sub``, whatever the parameters say."""

    @pytest.fixture
    def ann(self) -> str:
        return make_token("ann", JWT_SECRET, 60)

    def test_acts_as_the_owner_of_the_token(self, gateway: Served, ann: str) -> None:
        assert gateway.call("files.count", token=ann, owner="ann").status == 200
        assert gateway.call("files.count", token=ann, owner="ann", actor="ann").status == 200

    @pytest.mark.parametrize("actor", ["bob", None, "", 1, ["ann"]])
    def test_cannot_name_another_actor_nor_none(self, gateway: Served, ann: str, actor: object) -> None:
        reply = gateway.call("files.count", token=ann, owner="ann", actor=actor)
        assert (reply.status, reply.code, reply.fields) == (403, "forbidden", ["actor"])

    def test_sees_nothing_of_others(self, gateway: Served, ann: str) -> None:
        record = gateway.result("files.upload", owner="bob", name="a", parts=[{"size": 1}])
        assert gateway.call("files.info", token=ann, file_id=record["file_id"]).status in (403, 404)
        assert gateway.call("files.count", token=ann, owner="bob").status == 403
        assert gateway.call("files.count", token=ann).status == 403
        assert gateway.call("files.upload", token=ann, owner="bob", name="a", parts=[{"size": 1}]).status == 403


def test_the_request_id_comes_back_and_a_harmful_one_is_replaced(gateway: Served) -> None:
    assert gateway.request("GET", "/healthz", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    for bad in ("", "a b", "x" * 101, "é", '"'):
        made = gateway.request("GET", "/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made
        assert made != bad


def test_a_body_that_comes_too_slowly_is_not_waited_for(tmp_path: Path) -> None:
    head = (
        f"POST /rpc/files.count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {RPC_TOKEN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    )
    with serving(memory_core(tmp_path), Limits(call_body_seconds=0.05)) as served, served.connect() as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer


def test_a_chunked_body_is_limited_too(gateway: Served) -> None:
    head = (
        f"POST /rpc/files.count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {RPC_TOKEN}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    assert gateway.talk(head.encode() + b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    chunk = b"80000\r\n" + b" " * 0x80000 + b"\r\n"
    assert gateway.talk(head.encode() + chunk * 5 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_calls_beyond_the_limit_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path), Limits(calls=1)) as served, served.connect() as waiting:
        waiting.sendall(
            f"POST {COUNT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {RPC_TOKEN}\r\nExpect: 100-continue\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n".encode()
        )
        assert waiting.recv(100).startswith(b"HTTP/1.1 100 ")
        reply = served.call("files.count")
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "service_unavailable", "1")
        waiting.sendall(b"{}")
        assert waiting.recv(65_536).startswith(b"HTTP/1.1 200 ")


_IDS = [f"01ARZ3NDEKTSV4RRFFQ6{number:06d}" for number in range(10_000)]
_MOVES = [{"file_id": each, "path": "x" * 250} for each in _IDS[:1_000]]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/rpc/files.archive", {"file_ids": _IDS}),
        ("/api/archives", {"file_ids": _IDS}),
        ("/rpc/files.bulk", {"action": "move", "items": _MOVES}),
        ("/api/files/bulk", {"action": "move", "items": _MOVES}),
    ],
)
def test_the_most_files_of_a_call_fit_into_that_of_an_end_user(served: Served, path: str, params: Any) -> None:
    body = json.dumps(params).encode()
    assert len(body) > 256 * 1024
    reply = served.request("POST", path, body, {**bearer("ann"), "Content-Type": "application/json"})
    # There are no such files.
    assert reply.status in (200, 404), reply.body[:300]
