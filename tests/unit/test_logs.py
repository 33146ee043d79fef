"""Log lines: JSON, with the request id, without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.runtime.logs import JsonFormatter, TextFormatter, accepted_request_id, redact, request_id
from files_service.runtime.terminal import echo, printable


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


HOSTILE = "a\x1b[2J\x07\x9b31m\u202egpj.exe\u2066\u2028b\u2029c\x85d\ud800"


def test_neither_logs_nor_commands_write_what_moves_the_cursor_or_turns_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "levelno": 20, "msg": HOSTILE, "file": HOSTILE})
    assert JsonFormatter().format(record).isprintable()
    assert json.loads(JsonFormatter().format(record))["file"] == HOSTILE
    assert TextFormatter().format(record).isprintable()
    echo({"name": HOSTILE})
    echo(f"{HOSTILE}\nnext")
    first, second, third = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in (first, second, third))
    assert (second, third) == (printable(HOSTILE), "next")


@pytest.mark.parametrize("unit", ["eyJ", "eyJabcdefgh", "://", "bearer ", "a:", "eyJabcdefgh.", "token=", "://a:"])
def test_a_megabyte_is_redacted_in_time_that_grows_with_its_length(unit: str) -> None:
    # What grows with the square takes hours here.
    text = unit * (4_000_000 // len(unit))
    assert len(redact(text)) <= len(text) + 3 * text.count("token=")


def test_a_token_is_hidden_behind_other_letters_too() -> None:
    token = make_token_like()
    assert redact(f"x_{token} {token}.y") == "x_*** ***.y"


def make_token_like() -> str:
    return ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJhbm4ifQ", "c2ln-_nature"))
