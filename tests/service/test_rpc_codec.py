"""Requests and replies on nameko's wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nameko.exceptions import MalformedRequest, MethodNotFound, deserialize

import files_service.client
from files_service.errors import BadRequest, NotFound, error_classes
from files_service.messaging.rpc import codec
from files_service.messaging.rpc.codec import Poison, encode_error, encode_result, read_request
from files_service.messaging.rpc.frames import Delivery

assert files_service.client  # imported for the error classes that it registers


def delivery(body: Any, **properties: Any) -> Delivery:
    encoded = body if isinstance(body, bytes) else orjson.dumps(body)
    given = {"content_type": "application/json", "reply_to": "r", "correlation_id": "c", **properties}
    return Delivery(1, False, "nameko-rpc", "files.info", len(encoded), given, encoded)


def test_a_request_is_read() -> None:
    headers = {"nameko.call_id_stack": ["a", "b"], "nameko.request_id": "r-1", "nameko.user": {"id": 1}, "other": 2}
    request = read_request(delivery({"args": [], "kwargs": {"file_id": "x"}}, application_headers=headers))
    assert (request.method, request.params, request.request_id) == ("files.info", {"file_id": "x"}, "r-1")
    assert (request.context["call_id_stack"], request.context["user"]) == (["a", "b"], {"id": 1})


def test_a_request_without_id_gets_one() -> None:
    one, two = (read_request(delivery({"args": [], "kwargs": {}})).request_id for _ in range(2))
    assert one != two


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(BadRequest):
        read_request(delivery({"args": [1], "kwargs": {}}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.binary() | json_values.map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)),
    st.none() | st.dictionaries(st.sampled_from(["content_type", "reply_to", "correlation_id"]), st.text()),
    st.dictionaries(st.sampled_from(["nameko.call_id_stack", "nameko.request_id", "files.retry", "x"]), json_values),
)
def test_whatever_arrives_is_a_request_or_poison(
    body: bytes, properties: dict[str, Any] | None, headers: dict[str, Any]
) -> None:
    given = None if properties is None else {**properties, "application_headers": headers}
    message = Delivery(1, False, "", "files.info", len(body), given, body)
    try:
        request = read_request(message)
    except (Poison, BadRequest):
        return
    assert all(isinstance(each, str) for each in request.context["call_id_stack"])
    assert request.request_id
    assert request.redeliveries >= 0


def test_every_error_arrives_at_a_nameko_caller_as_itself() -> None:
    for cls in error_classes().values():
        error = cls("why", {"fields": {"a": ["b"]}, "number": 5, "nothing": None})
        found = deserialize(orjson.loads(encode_error(error))["error"])
        assert type(found) is cls
        assert found.to_wire() == error.to_wire()


def test_details_that_are_not_json_travel_as_text() -> None:
    wire = orjson.loads(encode_error(NotFound("x", {"path": {1, 2}.__class__})))["error"]
    assert wire["exc_args"][1] == {"path": "<class 'set'>"}


def test_nameko_s_own_errors_stay_nameko_s() -> None:
    assert isinstance(deserialize(orjson.loads(encode_error(codec.malformed("why")))["error"]), MalformedRequest)
    found = deserialize(orjson.loads(encode_error(codec.method_not_found("files.tag.nothing")))["error"])
    assert isinstance(found, MethodNotFound)
    assert found.args == ("nothing",)


def test_a_result_that_cannot_travel_is_our_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert orjson.loads(encode_result({"a": object()}, "r-1"))["error"]["exc_args"][1] == {"request_id": "r-1"}
    monkeypatch.setattr(codec, "MAX_REPLY_BYTES", 100)
    assert orjson.loads(encode_result("x" * 100, "r-1"))["error"]["exc_type"] == "InternalError"
    assert orjson.loads(encode_result("x", "r-1")) == {"result": "x", "error": None}
