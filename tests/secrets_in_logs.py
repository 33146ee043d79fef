"""Watches everything that the suite logs, in this process and in those that it starts, for what must not be there."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from files_service.logs import JsonFormatter
from tests.adapters.gcs_buckets import SECRET
from tests.cores import SECRETS

LOGGERS = ("files_service", "storage_adapters", "syncer", "migrations", "aiohttp", "urllib3", "google", "kombu", "amqp")
# What proves a right, unless it was replaced.
PROOFS = re.compile(
    r"(?:X-Goog-Signature|upload_id|[?&](?:signature|token))=(?!\*\*\*)[^\s\"'&]"
    r"|\bBearer (?!\*\*\*|realm)[A-Za-z0-9]"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?:webhook|channel)-token-for-tests"
    r"|" + "|".join(map(re.escape, (*SECRETS.values(), SECRET))),
    re.I,
)
MOST_FOUND = 20
AROUND = 80


def proofs_in(text: str) -> Iterator[str]:
    """The places of a text where there is a secret, with what stands around them."""
    for match in PROOFS.finditer(text):
        yield text[max(0, match.start() - AROUND) : match.end() + AROUND]


class LogWatch(logging.Handler):
    """Looks at each record of this process as a process of ours would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.seen = 0
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        self.seen += 1
        if len(self.found) < MOST_FOUND:
            self.found += proofs_in(self.format(record))

    def start(self) -> None:
        """Listen."""
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        for name in LOGGERS[:4]:
            # What a service writes by default.
            logging.getLogger(name).setLevel(logging.INFO)


def proofs_in_files(folder: Path) -> list[str]:
    """What the logs of processes below a folder, ``log``, ``log.…`` or ``….log``, have that they must not."""
    found = []
    for path in sorted({*folder.rglob("log*"), *folder.rglob("*.log")}):
        if path.is_file() and not path.is_symlink():
            lines = path.read_text(errors="replace").splitlines()
            # The link that opens the page is printed for whoever started the service; it is no line of the log.
            text = "\n".join(line for line in lines if not line.startswith("sign in http"))
            found += [f"{path.relative_to(folder)}: {each}" for each in proofs_in(text)]
    return found[:MOST_FOUND]
