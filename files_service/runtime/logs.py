"""Structured logs: JSON for machines, short lines for a terminal; both redacted by the same function.

The request id is a context variable; each transport reads it from its own header and passes it on.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar
from typing import Any

from files_service.runtime.terminal import printable

request_id: ContextVar[str] = ContextVar("request_id", default="")

ACCESS_LOGGER = "files_service.access"
# ``extra=QUIET`` marks a record that a terminal shows at DEBUG only.
QUIET: dict[str, Any] = {"quiet": True}
LOG_FORMATS = ("auto", "json", "text")

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", *QUIET}
# Fields that only a log collector needs.
_NOT_ON_A_TERMINAL = frozenset(("can", "event_id", "remote", "sent_bytes"))
_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
# Secrets that must not appear in logs: signatures and tokens in URLs, bearer headers, passwords.
_SECRETS = re.compile(
    r"(?P<name>(?:signature|token|upload_id|password|secret)=|bearer\s+|://[^/\s:@]*:(?=[^/\s@]*@))(?P<value>[^&\s\"'@]+)",
    re.I,
)

# Possessive, and from the border of a word on: so each character is looked at a bounded number of times.
_JWT = re.compile(r"(?<![\w-])(?P<first>[\w-]{11,}+)\.eyJ[\w-]{8,}+\.[\w-]*+", re.ASCII)
# The key of a share is all that its readers need.
_SHARE_KEY = re.compile(r"(?<=/s/)[\w-]{22}(?![\w-])", re.ASCII)
# The token of a bot of Telegram stands in the path of its addresses.
_BOT_TOKEN = re.compile(r"(?<=\d:)AA[\w-]{30,}+", re.ASCII)
_LEAST_OF_JWT = len("eyJ") + 8


def accepted_request_id(given: str | None) -> str:
    """Return the caller's request id if it is safe text, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def redact(text: str) -> str:
    """Replace secret values, JWTs, keys of shares and tokens of bots in a text by ``***``."""
    text = _JWT.sub(_hide_jwt, _SECRETS.sub(r"\g<name>***", text))
    return _BOT_TOKEN.sub("***", _SHARE_KEY.sub("***", text))


def _hide_jwt(match: re.Match[str]) -> str:
    before = match["first"].find("eyJ")
    found = 0 <= before <= len(match["first"]) - _LEAST_OF_JWT
    return match["first"][:before] + "***" if found else match[0]


class JsonFormatter(logging.Formatter):
    """One JSON object per record, with everything given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "request_id": request_id.get() or None,
        }
        line |= _extra(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = json.dumps({k: v for k, v in line.items() if v is not None}, default=str, ensure_ascii=False)
        return redact(printable(text))


class TextFormatter(logging.Formatter):
    """A short line per record: time, level, event and the fields that matter; an error adds its traceback."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Render one line, and the traceback."""
        level = "DEBUG" if is_quiet(record) else record.levelname
        trace = self.formatException(record.exc_info).splitlines() if record.exc_info else []
        fields = {k: v for k, v in _extra(record).items() if v is not None and k not in _NOT_ON_A_TERMINAL}
        if record.levelno >= logging.WARNING and request_id.get():
            fields["request_id"] = request_id.get()
        if trace and record.levelno < logging.ERROR:
            fields["error"], trace = trace[-1], []
        event = record.getMessage()
        if "file_event" in fields:
            event = f"{event} {fields.pop('file_event')}"
        if record.name == ACCESS_LOGGER:
            event = " ".join(str(fields.pop(name, "")) for name in ("method", "path", "status", "ms")) + " ms"
        text = " ".join((printable(event), *(f"{name}={_shown(value)}" for name, value in fields.items())))
        text += "".join(f"\n  {printable(line)}" for line in trace)
        return f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {self._painted(level)} {redact(text)}"

    def _painted(self, level: str) -> str:
        return f"\033[{_COLOURS.get(level, '0')}m{level:<7}\033[0m" if self._colour else f"{level:<7}"


class StandardError(logging.Handler):
    """Writes to the current standard error: a progress bar replaces it by a stream that prints above the bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as all handlers do
            self.handleError(record)


def is_quiet(record: logging.LogRecord) -> bool:
    """Return True when a terminal shows the record at DEBUG only."""
    return getattr(record, "quiet", False)


def configure_logging(level: str, log_format: str = "auto") -> None:
    """Send everything of this level and above to standard error.

    ``auto`` writes text to a terminal and JSON to anything else.
    """
    handler = StandardError()
    terminal = sys.stderr.isatty()
    if log_format == "text" or (log_format == "auto" and terminal):
        handler.setFormatter(TextFormatter(colour=terminal))
        if level != "DEBUG":
            handler.addFilter(lambda record: not is_quiet(record))
    else:
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _shown(value: Any) -> str:
    """Render a field; quote it where its end would not be seen."""
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ",".join(map(str, value))
    text = printable(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text
