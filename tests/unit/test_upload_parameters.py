"""files.upload: every parameter that cannot be taken is refused by its path, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest
from tests.cores import call, refusal, writes

PART = {"size": 3}
DECLARATION: dict[str, Any] = {"owner": "ann", "name": "clip.bin", "parts": [PART]}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"owner": ""}, "owner"),
    ({"owner": "x" * 79}, "owner"),
    ({"owner": "a\nb"}, "owner"),
    ({"owner": None}, "owner"),
    ({"name": ""}, "name"),
    ({"name": " \u3000"}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": "a\r\nSet-Cookie: x"}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"name": "a\u2028b"}, "name"),
    ({"name": "a\x85b"}, "name"),
    ({"name": 7}, "name"),
    ({"parts": []}, "parts"),
    ({"parts": [PART] * 101}, "parts"),
    ({"parts": {}}, "parts"),
    ({"parts": [1]}, "parts.0"),
    ({"parts": [{}]}, "parts.0.size"),
    ({"parts": [{"size": -1}]}, "parts.0.size"),
    ({"parts": [{"size": 1.5}]}, "parts.0.size"),
    ({"parts": [{"size": True}]}, "parts.0.size"),
    ({"parts": [{"size": "3"}]}, "parts.0.size"),
    ({"parts": [{"size": 2**53}]}, "parts.0.size"),
    ({"parts": [PART, {"size": 3, "part_id": "p1"}]}, "parts.1.part_id"),
    ({"parts": [{"size": 3, "key": "x"}]}, "parts.0.key"),
    ({"parts": [{"size": 3, "md5": "0" * 31}]}, "parts.0.md5"),
    ({"parts": [{"size": 3, "md5": "g" * 32}]}, "parts.0.md5"),
    ({"parts": [{"size": 3, "md5": "0" * 32 + "\n"}]}, "parts.0.md5"),
    ({"parts": [{"size": 3, "crc32c": 7}]}, "parts.0.crc32c"),
    ({"parts": [{"size": 3, "sha256": "0" * 63}]}, "parts.0.sha256"),
    ({"parts": [{"size": 3, "type": "a b"}]}, "parts.0.type"),
    ({"parts": [{"size": 3, "type": ""}]}, "parts.0.type"),
    ({"parts": [{"size": 3, "content_type": "video"}]}, "parts.0.content_type"),
    ({"parts": [{"size": 3, "content_type": "a/b\r\nX: y"}]}, "parts.0.content_type"),
    ({"access": "open"}, "access"),
    ({"access": ["public"]}, "access"),
    ({"access": None}, "access"),
    ({"tags": ["x"] * 21}, "tags"),
    ({"tags": "sea"}, "tags"),
    ({"tags": [""]}, "tags.0"),
    ({"tags": ["  "]}, "tags.0"),
    ({"tags": ["a,b"]}, "tags.0"),
    ({"tags": ["ok", "x" * 41]}, "tags.1"),
    ({"tags": ["\u0130" * 21]}, "tags.0"),
    ({"tags": ["a\nb"]}, "tags.0"),
    ({"meta": []}, "meta"),
    ({"meta": {"k": "x" * 70_000}}, "meta"),
    ({"meta": {"k": 2**64}}, "meta"),
    ({"meta": {"k": float("nan")}}, "meta"),
    ({"meta": {"k": [float("inf")]}}, "meta"),
    ({"meta": {"k": "\ud800"}}, "meta"),
    ({"meta": {"\ud800": 1}}, "meta"),
    ({"meta": {1: 1}}, "meta"),
    ({"meta": {"k": b"bytes"}}, "meta"),
    ({"meta": {"k": {1, 2}}}, "meta"),
    ({"meta": {"description": 7}}, "meta"),
    ({"meta": {"description": "x" * 20_001}}, "meta"),
    ({"meta": {"website": "ftp://example.org"}}, "meta"),
    ({"meta": {"website": "javascript:alert(1)"}}, "meta"),
    ({"meta": {"website": "http://["}}, "meta"),
    ({"meta": {"website": "https://"}}, "meta"),
    ({"meta": {"website": "https://a b"}}, "meta"),
    ({"alias": ""}, "alias"),
    ({"alias": "x" * 101}, "alias"),
    ({"temporary": 1}, "temporary"),
    ({"temporary": "yes"}, "temporary"),
    ({"resumable": []}, "resumable"),
    ({"ttl_seconds": 0}, "ttl_seconds"),
    ({"ttl_seconds": 10**30}, "ttl_seconds"),
    ({"expires_seconds": 0}, "expires_seconds"),
    ({"expires_seconds": 604_801}, "expires_seconds"),
    ({"expires_seconds": "900"}, "expires_seconds"),
    ({"origin": "example.org"}, "origin"),
    ({"origin": "http://["}, "origin"),
    ({"request_id": ""}, "request_id"),
    ({"request_id": "x" * 101}, "request_id"),
    ({"post_action": {}}, "post_action.update"),
    ({"post_action": {"update": {}}}, "post_action.update"),
    ({"post_action": {"update": {"status": "processed"}}}, "post_action.update.status"),
    ({"post_action": {"remove": True}}, "post_action.remove"),
    ({"post_action": {"update": {"immutable": False}}}, "post_action.update.immutable"),
    ({"post_action": {"update": {"immutable": 1}}}, "post_action.update.immutable"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG, ids=[f"{field}-{index}" for index, (_, field) in enumerate(WRONG)])
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, wrong: dict[str, Any], field: str) -> None:
    error = refusal(core, "files.upload", **DECLARATION | wrong)
    assert isinstance(error, BadRequest)
    assert field in error.details["fields"]
    assert str(error).startswith(next(iter(error.details["fields"])))
    assert writes(core) == 0


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"k": value}
    return value


def test_meta_may_be_nested_but_not_without_end(core: Core) -> None:
    assert call(core, "files.upload", **DECLARATION, meta=nested(100))
    for depth in (101, 250, 900):
        error = refusal(core, "files.upload", **DECLARATION, meta=nested(depth))
        assert set(error.details["fields"]) == {"meta"}
    assert call(core, "files.list", owner=DECLARATION["owner"])["files"]
