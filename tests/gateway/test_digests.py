"""Digests of bodies (RFC 9530), and bodies that say to be a piece, at each door that takes a body."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.gateway.addresses import declare, put, status_of
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served
from tests.gateway.tus import made, offset_of, patch

BODY = b"some bytes"


def digest(data: bytes, name: str = "sha-256") -> str:
    hashed = hashlib.new(name.replace("-", ""), data).digest()
    return f"{name}=:{base64.b64encode(hashed).decode()}:"


def by_rest(served: Served, headers: dict[str, str]) -> Reply:
    return served.request("POST", "/api/files/upload?name=a", BODY, {**bearer("ann"), **headers})


def by_put(served: Served, headers: dict[str, str]) -> Reply:
    return put(served, declare(served, len(BODY)), BODY, **headers)


def by_put_again(served: Served, headers: dict[str, str]) -> Reply:
    part = declare(served, len(BODY))
    assert put(served, part, BODY).status == 201
    return put(served, part, BODY, **headers)


def by_tus(served: Served, headers: dict[str, str]) -> Reply:
    return patch(served, made(served, len(BODY)), 0, BODY, **headers)


DOORS = [by_rest, by_put, by_put_again, by_tus]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
def test_a_digest_is_compared(served: Served, door: Any, name: str) -> None:
    right, wrong = digest(BODY), digest(b"other bytes")
    assert door(served, {name: right}).status in (200, 201, 204)
    assert door(served, {name: f"{digest(BODY, 'sha-512')}, {right}"}).status in (200, 201, 204)
    refused = door(served, {name: wrong})
    assert (refused.status, refused.code) == (460 if door is by_tus else 409, "part_mismatch")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("value", ["", "sha-256", "sha-256=::", "sha-256=:YWJj:", digest(BODY, "sha-512"), "md5=:x:"])
def test_a_digest_that_cannot_be_compared_is_refused(served: Served, door: Any, value: str) -> None:
    refused = door(served, {"Content-Digest": value})
    assert (refused.status, refused.fields) == (400, ["Content-Digest"])
    assert refused.headers["Want-Content-Digest"] == "sha-256=10"


@pytest.mark.parametrize("door", DOORS)
def test_two_digests_that_differ_are_refused(served: Served, door: Any) -> None:
    assert door(served, {"Content-Digest": digest(BODY), "Repr-Digest": digest(b"x")}).status == 400


def test_a_digest_that_is_not_the_declared_checksum_is_refused(served: Served) -> None:
    part = declare(served, len(BODY), sha256=hashlib.sha256(BODY).hexdigest())
    assert put(served, part, BODY, **{"Content-Digest": digest(b"x")}).status == 409
    assert status_of(served, part) == "pending"
    assert put(served, part, BODY, **{"Content-Digest": digest(BODY)}).status == 201
    said = {**bearer("ann"), "Content-Digest": digest(BODY)}
    other = hashlib.sha256(b"x").hexdigest()
    assert served.request("POST", f"/api/files/upload?name=a&sha256={other}", BODY, said).status == 400


def test_wrong_bytes_under_a_digest_do_not_count(served: Served) -> None:
    part, url = declare(served, len(BODY)), made(served, len(BODY))
    assert put(served, part, BODY, **{"Content-Digest": digest(b"x")}).status == 409
    assert status_of(served, part) == "pending"
    assert patch(served, url, 0, BODY, **{"Content-Digest": digest(b"x")}).status == 460
    assert offset_of(served, url) == 0


def test_a_form_takes_no_digest(served: Served) -> None:
    headers = {**bearer("ann"), "Content-Type": "multipart/form-data; boundary=b", "Content-Digest": digest(b"x")}
    assert served.request("POST", "/api/files/upload", b"--b--\r\n", headers).fields == ["Content-Digest"]


@pytest.mark.parametrize("door", DOORS)
def test_a_body_that_is_a_piece_is_not_taken_for_the_whole(served: Served, door: Any) -> None:
    assert door(served, {"Upload-Complete": "?1"}).status in (200, 201, 204)
    refused = door(served, {"Upload-Complete": "?0"})
    assert (refused.status, refused.fields) == (400, ["Upload-Complete"])
