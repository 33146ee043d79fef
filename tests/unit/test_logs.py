"""Log lines: JSON, with the request id, without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.runtime.logs import JsonFormatter, accepted_request_id, redact, request_id


@pytest.fixture
def request_of() -> Iterator[str]:
    """The id of the request that is being answered."""
    token = request_id.set("r-1")
    yield "r-1"
    request_id.reset(token)


def rendered(message: str, *args: object, **extra: Any) -> Any:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message, "args": args, **extra})
    return json.loads(JsonFormatter().format(record))


def test_a_line_is_json_with_everything_that_was_given(request_of: str) -> None:
    line = rendered("saved %s", "a", file_id="1", nothing=None, odd={1, 2} - {2})
    assert (line["event"], line["level"], line["file_id"], line["request_id"]) == ("saved a", "info", "1", request_of)
    assert "nothing" not in line
    assert line["odd"] == "{1}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x?signature=abc&size=1", "GET /x?signature=***&size=1"),
        ("/?token=abc", "/?token=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("amqp://user:pass@host//", "amqp://user:***@host//"),
        ("http://127.0.0.1:8080/x and a@b", "http://127.0.0.1:8080/x and a@b"),
        ("password=hunter2 next", "password=*** next"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_what_proves_a_right_is_not_shown(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert rendered(text)["event"] == shown


def test_a_traceback_is_one_line_and_has_no_secrets() -> None:
    try:
        raise ValueError("amqp://user:pass@host")
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": (type(error), error, error.__traceback__)})
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "pass@" not in text
    assert "ValueError" in json.loads(text)["traceback"]


@given(st.text())
def test_whatever_is_logged_can_be_written(text: str) -> None:
    JsonFormatter().format(logging.makeLogRecord({"msg": "%s", "args": (text,)})).encode()


def test_bytes_that_are_no_text_can_be_written() -> None:
    text = b"\xff".decode("utf-8", "surrogateescape")
    JsonFormatter().format(logging.makeLogRecord({"msg": text})).encode()


@given(st.text())
def test_a_request_id_is_harmless_text(given_id: str) -> None:
    accepted = accepted_request_id(given_id)
    assert 1 <= len(accepted) <= 100
    assert accepted.isascii()
    assert accepted.isprintable()
    assert not set(accepted) & set(" \"'<>&")


def test_a_request_id_that_is_harmless_is_kept() -> None:
    assert accepted_request_id("abc-1.2:3_4") == "abc-1.2:3_4"
    assert accepted_request_id(None) != accepted_request_id(None)
