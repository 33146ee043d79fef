"""Whatever is sent, the answer is a result or a 4xx with a code and a field name: never a 5xx, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from files_service.api import METHODS
from files_service.gateway.app import DOORS
from files_service.gateway.openapi import assemble, parameters_of
from tests.cores import memory_core, processed_file
from tests.gateway.serving import RPC_TOKEN, WAIT_SECONDS, Reply, Served, serving
from tests.people.persons import cheap, post
from tests.scale import NIGHTLY, at_scale

FEW = settings(
    max_examples=at_scale(quick=6, default=6, nightly=500),
    deadline=None,
    derandomize=not NIGHTLY,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(assemble(DOORS))
SCHEMA.config.generation.allow_x00 = True
# Its cases of each parameter take as long as the random ones, and half of the time in which pytest collects all tests.
SCHEMA.config.phases.coverage.enabled = NIGHTLY
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with some files in it."""
    core = cheap(memory_core(tmp_path_factory.mktemp("data"), registration="open"))
    with serving(core) as served:
        for access in ("private", "public"):
            processed_file(core, access=access)
        yield served


def is_well_answered(reply: Reply) -> None:
    """The rule of this module."""
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        error = reply.error
        assert error["code"]
        assert error["message"]
        assert "Traceback" not in error["message"]
        if error["code"] == "bad_request":
            assert error["details"]["fields"]


@SCHEMA.parametrize()
@settings(FEW, max_examples=at_scale(quick=3, default=4, nightly=100))
def test_the_description_is_true(fuzzed: Served, case: schemathesis.Case[Any]) -> None:
    case.headers["Authorization"] = f"Bearer {RPC_TOKEN}"
    response = case.call(base_url=f"http://127.0.0.1:{fuzzed.port}", timeout=WAIT_SECONDS)
    case.validate_response(response, checks=CHECKS)
    is_page = "pages" in case.operation.tags and response.text.startswith("<!doctype html>")
    if response.status_code >= 400 and case.method != "HEAD" and not is_page:
        error = response.json()["error"]
        assert error["code"] != "bad_request" or error["details"]["fields"]


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", " ", "\0", "a\nb", "../..", "ann", "null", "x" * 300, "🎬", "‮", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a/b", "*", "%"]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**40])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def params_of(draw: st.DrawFn, method: str, file_ids: list[str]) -> dict[str, Any]:
    """Parameters by their right names, with right, nearly right and wild values."""
    known = parameters_of(method)
    chosen = draw(st.sets(st.sampled_from(sorted(known)) if known else st.nothing()))
    params: dict[str, Any] = {}
    for name in sorted(chosen):
        params[name] = draw(VALUES | st.sampled_from(plausible(name, known[name], file_ids)))
    if "file_id" in known and draw(st.booleans()):
        params["file_id"] = draw(st.sampled_from(file_ids))
    if draw(st.integers(0, 9)) == 0:
        params[draw(TEXTS)] = draw(VALUES)
    return params


def plausible(name: str, schema: dict[str, Any], file_ids: list[str]) -> list[Any]:
    """Values that may well be right for a parameter."""
    values: dict[str, list[Any]] = {
        "owner": ["ann", "bob"],
        "actor": ["ann", "bob", None],
        "parts": [[{"size": 1}], [{"size": 0, "type": "x"}], [{"size": 2**53}], ["p0"], [{}]],
        "changes": [{"name": "b"}, {"tags": ["x"], "meta": {"a": {"b": 1}}}, {"alias": None}, {}],
        "filter": [{"size": 1}, {"name": {"prefix": "a"}}, {"size": {"in": [1, 2]}}, {"meta.x": {"exists": False}}],
        "file_ids": [file_ids, [*file_ids, "x"]],
        "key": ["0" * 32 + "/" + file_ids[0] + "/p0", "a/b/c"],
        "tags": [["a", "B"], []],
    }
    return values.get(name) or schema.get("enum") or [True, False, 1, "ann", file_ids[0]]


@pytest.mark.parametrize("method", METHODS)
def test_any_parameters_of_any_method_are_answered(fuzzed: Served, method: str) -> None:
    file_ids = [each["file_id"] for each in fuzzed.result("files.list", owner="ann", limit=5)["files"]]
    file_ids = file_ids or [processed_file(fuzzed.core)["file_id"]]

    @given(params_of(method, file_ids))
    @FEW
    def answer(params: dict[str, Any]) -> None:
        is_well_answered(post(fuzzed, f"/rpc/{method}", {"Authorization": f"Bearer {RPC_TOKEN}"}, **params))

    answer()


@given(body=st.binary(max_size=200) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
@FEW
def test_any_body_is_answered(fuzzed: Served, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {RPC_TOKEN}", "Content-Type": "application/json"}
    is_well_answered(fuzzed.request("POST", "/rpc/files.list", body, headers))


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)


@given(
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "OPTIONS", "DELETE"]),
    values=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("Range", "If-Range", "If-None-Match", "If-Modified-Since", "Authorization", "Content-Type", "Expect"),
            HEADER_TEXT,
        ),
    ),
)
@FEW
def test_any_address_and_headers_are_answered(fuzzed: Served, method: str, path: str, values: dict[str, str]) -> None:
    url = fuzzed.result("files.download", file_id=always_public(fuzzed))["urls"][0]
    for target in (f"/{path}", f"/blobs/{path}", url):
        reply = fuzzed.request(method, target, b"" if method in ("PUT", "POST") else None, values)
        assert reply.status < 500
        if method != "HEAD" and reply.status >= 400:
            assert reply.code


def always_public(served: Served) -> str:
    """A public file that the other tests do not know."""
    params = {"owner": "eve", "name": "a", "access": "public", "parts": [{"size": 3}], "request_id": "public"}
    record = served.result("files.upload", **params)
    if record["status"] == "pending":
        upload = record["parts"][0]["upload"]
        assert served.request("PUT", upload["url"], b"abc", upload["headers"]).status == 201
        served.result("files.process", file_id=record["file_id"])
    return str(record["file_id"])
