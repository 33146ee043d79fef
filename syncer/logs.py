"""JSON log lines in the form of the service's, on standard error; secrets are replaced by ``***``."""

from __future__ import annotations

import json
import logging
import re
import sys
import time

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRETS = re.compile(r"(?P<name>(?:token|password|secret)=|://[^/\s:@]*:(?=[^/\s@]*@))(?P<value>[^&\s\"'@]+)", re.I)


def redact(text: str) -> str:
    """Replace the values of secrets in a text by ``***``."""
    return _SECRETS.sub(r"\g<name>***", text)


class JsonFormatter(logging.Formatter):
    """Renders a record with everything given as ``extra``, redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one line."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, default=str, ensure_ascii=False))


class _StandardError(logging.Handler):
    """Writes to what standard error is by then: while a progress bar is shown, to a place above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as all handlers do
            self.handleError(record)


def configure_logging(level: str) -> None:
    """Send everything of this level and above to standard error, as JSON lines."""
    handler = _StandardError()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
