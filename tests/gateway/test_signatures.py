"""``PUT /blobs/{key}`` of what was not signed."""

from __future__ import annotations

import pytest

from files_service.gateway.limits import MIB
from tests.gateway.addresses import TYPE, declare, put
from tests.gateway.serving import Served


def change_query(url: str, **values: str | None) -> str:
    base, _, query = url.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&"))
    pairs |= {name: value for name, value in values.items() if value is not None}
    return base + "?" + "&".join(f"{name}={value}" for name, value in pairs.items() if values.get(name, "") is not None)


@pytest.mark.parametrize(
    ("headers", "status", "code", "field"),
    [
        ({"Content-Type": "text/html"}, 400, "bad_request", "Content-Type"),
        ({"Content-Type": ""}, 400, "bad_request", "Content-Type"),
        ({"Content-Encoding": "gzip"}, 415, "unsupported_type", "Content-Encoding"),
        ({"Content-Range": "bytes 0-4/5"}, 400, "bad_request", "Content-Range"),
        ({"Expect": "tea"}, 417, "bad_request", "Expect"),
    ],
)
def test_headers_other_than_the_signed_ones_are_refused(
    gateway: Served, headers: dict[str, str], status: int, code: str, field: str
) -> None:
    part = declare(gateway, 5)
    reply = put(gateway, part, b"12345", **headers)
    assert (reply.status, reply.code, reply.fields) == (status, code, [field])
    assert put(gateway, part, b"12345").status == 201


@pytest.mark.parametrize("size", [0, 4, 6, 5 * MIB])
def test_another_length_than_the_signed_one_is_refused(gateway: Served, size: int) -> None:
    part = declare(gateway, 5)
    reply = put(gateway, part, bytes(size), **{"Content-Length": str(size)})
    assert (reply.status, reply.code, reply.fields) == (400, "bad_request", ["Content-Length"])


def test_a_body_of_unannounced_length_is_refused(gateway: Served) -> None:
    part = declare(gateway, 5)
    target = part["upload"]["url"].partition(f":{gateway.core.settings.http_port}")[2]
    head = f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nConnection: close\r\n"
    chunked = gateway.talk(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n")
    assert chunked.startswith(b"HTTP/1.1 411 ")
    assert b'"Content-Length"' in chunked
    assert gateway.talk(head.encode() + b"\r\n").startswith(b"HTTP/1.1 411 ")


@pytest.mark.parametrize(
    "values",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": None},
        {"size": "6"},
        {"content_type": "text%2Fhtml"},
        {"expires": "9999999999999"},
        {"expires": None},
        {"method": "GET"},
        {"filename": "x"},
        {"": ""},
    ],
)
def test_an_altered_signature_is_refused(gateway: Served, values: dict[str, str | None]) -> None:
    part = declare(gateway, 5)
    part["upload"]["url"] = change_query(part["upload"]["url"], **values)
    reply = put(gateway, part, b"12345")
    assert (reply.status, reply.code, reply.fields) == (403, "forbidden", ["signature"])


@pytest.mark.parametrize("signature", ["%ff", "%ed%a0%80"])
def test_a_signature_that_is_no_text_is_named(gateway: Served, signature: str) -> None:
    part = declare(gateway, 5)
    part["upload"]["url"] = change_query(part["upload"]["url"], signature=signature)
    reply = put(gateway, part, b"12345")
    assert (reply.status, reply.code, reply.fields) == (400, "bad_request", ["signature"])


def test_a_repeated_parameter_is_refused(gateway: Served) -> None:
    part = declare(gateway, 5)
    part["upload"]["url"] += "&size=5"
    assert put(gateway, part, b"12345").status == 400


def test_a_url_is_good_for_its_own_method_alone(gateway: Served) -> None:
    part = declare(gateway, 5)
    for method in ("GET", "HEAD"):
        assert gateway.request(method, part["upload"]["url"]).status == 403
    for method in ("POST", "DELETE", "PATCH"):
        reply = gateway.request(method, part["upload"]["url"], b"12345", part["upload"]["headers"])
        assert (reply.status, reply.code) == (405, "method_not_allowed")
        assert "PUT" in reply.headers["Allow"]


def test_an_expired_url_is_refused(gateway: Served) -> None:
    part = declare(gateway, 5)
    signed = gateway.core.blobs.sign(  # type: ignore[attr-defined]
        "PUT", part["key"], expires_at=gateway.core.clock() - 1, content_type=TYPE, size=5
    )
    reply = gateway.request("PUT", signed.url, b"12345", dict(signed.headers))
    assert (reply.status, reply.code, reply.fields) == (403, "forbidden", ["signature"])


@pytest.mark.parametrize(
    "path",
    [
        "/blobs/../secrets/rpc_token",
        "/blobs/%2e%2e/%2e%2e/etc/passwd",
        "/blobs/..%2f..%2fetc%2fpasswd",
        "/blobs//etc/passwd",
        "/blobs/{hash}/../{hash}/x/p0",
        "/blobs/{hash}/x",
        "/blobs/{hash}/x/p0/",
        "/blobs/{hash}/x/p0/y",
        "/blobs/{hash}/x/p%00",
        "/blobs/{hash}/x/%ff",
        "/blobs/{hash}/x/p0%0d%0aX-Evil:1",
        "/blobs/" + "a" * 2_000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_tricks_with_paths_lead_nowhere(gateway: Served, method: str, path: str) -> None:
    reply = gateway.request(method, path.format(hash="0" * 32) + "?signature=0", b"", {"Content-Type": TYPE})
    assert reply.status in (400, 403, 404)
    assert reply.code in ("bad_request", "forbidden", "not_found")
    assert "X-Evil" not in reply.headers


def test_another_spelling_of_a_key_is_not_the_key(gateway: Served) -> None:
    part = declare(gateway, 5)
    part["upload"]["url"] = part["upload"]["url"].replace("/p0?", "/%700?")
    assert put(gateway, part, b"12345").status == 404
