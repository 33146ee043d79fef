"""Log lines for a terminal: short, safe to print, without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.runtime.logs import ACCESS_LOGGER, QUIET, TextFormatter, configure_logging, request_id
from tests.secrets_in_logs import proofs_in

PLAIN = TextFormatter()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored() -> Iterator[None]:
    """The root logger of the test run, put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def rendered(message: str, *args: object, level: int = logging.INFO, name: str = "x", **extra: Any) -> str:
    values = {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": message, "args": args}
    return PLAIN.format(logging.makeLogRecord({**values, **extra}))


def without_time(line: str) -> str:
    time, _, rest = line.partition(" ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", time)
    return rest


def written(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, log_format: str, *, level: str = "INFO", **extra: Any
) -> str:
    """What a process writes of one record."""
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(level, log_format)
    logging.getLogger("x").info("saved", extra=extra)
    return stream.getvalue()


def test_a_request_is_one_short_line() -> None:
    fields: dict[str, Any] = {
        "method": "GET",
        "path": "/x",
        "status": 200,
        "ms": 3.1,
        "sent_bytes": 5,
        "remote": "127.0.0.1",
    }
    assert without_time(rendered("request", name=ACCESS_LOGGER, **fields)) == "INFO    GET /x 200 3.1 ms"


def test_fields_follow_the_event() -> None:
    line = rendered("store %s", "a", part="blobs", names=["a", "b"], none=None, text="two words", number=3, can=["x"])
    assert without_time(line) == 'INFO    store a part=blobs names=a,b text="two words" number=3'


def test_an_event_of_a_file_is_named() -> None:
    line = rendered("event", file_event="created", event_id="f:1", file_id="f")
    assert without_time(line) == "INFO    event created file_id=f"


def test_a_warning_names_its_request() -> None:
    token = request_id.set("r-1")
    try:
        assert rendered("slow", level=logging.WARNING).endswith("WARNING slow request_id=r-1")
        assert rendered("fine").endswith("fine")
    finally:
        request_id.reset(token)


def test_an_error_has_a_traceback_and_a_warning_the_last_line_of_it() -> None:
    try:
        raise ValueError("amqp://user:pass@host")
    except ValueError as error:
        exc_info = (type(error), error, error.__traceback__)
        text = rendered("failed", level=logging.ERROR, exc_info=exc_info)
        warning = rendered("put off", level=logging.WARNING, exc_info=exc_info)
    assert text.splitlines()[1].startswith("  Traceback")
    assert text.splitlines()[-1] == "  ValueError: amqp://user:***@host"
    assert without_time(warning) == 'WARNING put off error="ValueError: amqp://user:***@host"'


@given(st.text(st.characters(codec=None)))
def test_whatever_is_logged_is_one_printable_line(text: str) -> None:
    line = rendered("%s", text, field=text)
    assert line.isprintable()
    line.encode()


@given(st.sampled_from(["\r", "\n", "\x1b[31m", "\u202e", "", " "]), st.sampled_from(["", "\x1b[0m", "\udcff"]))
def test_escapes_hide_no_secret(before: str, inside: str) -> None:
    for secret in (f"signature=abc{inside}def", f"Bearer abc{inside}def", "eyJhbGciOiJI.eyJzdWIiOiJt.abc"):
        assert not list(proofs_in(rendered(before + secret, url=f"http://h/?{before}{secret}")))


def test_a_field_with_the_name_of_a_secret_is_hidden() -> None:
    assert rendered("sent", token="abc").endswith("sent token=***")


@pytest.mark.usefixtures("restored")
def test_a_terminal_gets_colour_and_a_pipe_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033[32mINFO   \033[0m saved a=1\n" in written(monkeypatch, Terminal(), "auto", a=1)
    assert json.loads(written(monkeypatch, io.StringIO(), "auto", a=1))["a"] == 1


@pytest.mark.usefixtures("restored")
def test_the_form_may_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_time(written(monkeypatch, io.StringIO(), "text", a=1)) == "INFO    saved a=1\n"
    assert json.loads(written(monkeypatch, Terminal(), "json", a=1))["event"] == "saved"


@pytest.mark.usefixtures("restored")
def test_quiet_records_come_to_a_terminal_at_debug_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, Terminal(), "auto", **QUIET) == ""
    assert "DEBUG" in written(monkeypatch, Terminal(), "auto", level="DEBUG", **QUIET)
    assert "quiet" not in json.loads(written(monkeypatch, io.StringIO(), "auto", **QUIET))
