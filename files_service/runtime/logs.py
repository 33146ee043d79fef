"""Structured logs: one JSON object a line, with the id of the request that the line belongs to.

The id lives in a context variable; each transport sets it from its own header and hands it on.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
# Whatever proves a right must not be readable in a log: signatures and tokens in URLs, bearer headers, passwords.
_SECRETS = re.compile(
    r"(?P<name>(?:signature|token|upload_id|password|secret)=|bearer\s+|://[^/\s:@]*:(?=[^/\s@]*@))(?P<value>[^&\s\"'@]+)",
    re.I,
)

_JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")


def accepted_request_id(given: str | None) -> str:
    """The caller's request id when it is harmless text, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def redact(text: str) -> str:
    """Replace the values of secrets in a text, and signed tokens wherever they stand, by ``***``."""
    return _JWT.sub("***", _SECRETS.sub(r"\g<name>***", text))


class JsonFormatter(logging.Formatter):
    """Renders a record with everything given as ``extra``, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one line."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "request_id": request_id.get() or None,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = json.dumps({k: v for k, v in line.items() if v is not None}, default=str, ensure_ascii=False)
        # What came in may hold bytes that are not UTF-8, and must not keep the line from being written.
        return redact(text.encode(errors="backslashreplace").decode())


def configure_logging(level: str) -> None:
    """Send everything of this level and above to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
