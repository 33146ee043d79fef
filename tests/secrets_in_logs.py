"""Watches everything that the suite logs, in this process and in those that it starts, for what must not be there."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from files_service.runtime.logs import JsonFormatter, TextFormatter
from tests.adapters.gcs_buckets import SECRET
from tests.cores import SECRETS

LOGGERS = ("files_service", "storage_adapters", "syncer", "migrations", "aiohttp", "urllib3", "google", "kombu", "amqp")
# What proves a right, unless it was replaced.
PROOFS = re.compile(
    r"(?:X-Goog-Signature|upload_id|[?&](?:signature|token))=(?!\*\*\*|REDACTED)[^\s\"'&]"
    r"|(?<![\w.])Bearer (?!\*\*\*|realm)[A-Za-z0-9]"
    r"|\bf[sk]_[A-Za-z0-9_-]{40}|\$argon2|/s/[A-Za-z0-9_-]{22}(?![\w-])"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}"
    r"|(?<=\d:)AA[A-Za-z0-9_-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?:webhook|channel)-token-for-tests"
    r"|" + "|".join(map(re.escape, (*SECRETS.values(), SECRET))),
    re.I,
)
MOST_FOUND = 20
KEY = "secrets_in_logs"
AROUND = 80


def proofs_in(text: str) -> Iterator[str]:
    """The places of a text where there is a secret, with what stands around them."""
    for match in PROOFS.finditer(text):
        yield text[max(0, match.start() - AROUND) : match.end() + AROUND]


class LogWatch(logging.Handler):
    """Looks at each record of this process in both forms that a process of ours would write."""

    def __init__(self) -> None:
        super().__init__()
        self._formatters = (JsonFormatter(), TextFormatter(colour=True))
        self.seen = 0
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        self.seen += 1
        for formatter in self._formatters:
            self.look_at(formatter.format(record))

    def look_at(self, text: str) -> None:
        """Look at what was written."""
        if len(self.found) < MOST_FOUND:
            self.found += proofs_in(without_sign_in_link(text))

    def look_at_report(self, report: pytest.TestReport) -> None:
        """Look at what a test's children wrote to the standard error that they share with it."""
        if report.when == "teardown":
            for name, text in report.sections:
                if name.startswith("Captured stderr"):
                    self.look_at(text)

    def start(self) -> None:
        """Listen."""
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        for name in LOGGERS[:4]:
            # What a service writes by default.
            logging.getLogger(name).setLevel(logging.INFO)


WATCH = LogWatch()


class WatchedRun:
    """Fails a run whose logs hold a secret, whichever of its processes wrote them."""

    def __init__(self, watch: LogWatch) -> None:
        self._watch = watch
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Watch what children write where the tests themselves do. A worker has looked at its reports itself."""
        if not hasattr(report, "node"):
            self._watch.look_at_report(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look at what was found, and at the logs of all processes of the run before they are removed."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[KEY] = self._watch.found
            return
        factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        self._found += self._watch.found + proofs_in_files(factory.getbasetemp())
        if self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker found."""
        self._found += getattr(node, "workeroutput", {}).get(KEY, [])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show what was found."""
        if self._found:
            terminalreporter.section("secrets in logs", red=True)
            for each in self._found:
                terminalreporter.line(each)


def without_sign_in_link(text: str) -> str:
    """The lines but the link that opens the page: it is printed for whoever started the service."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("sign in http"))


def proofs_in_files(folder: Path) -> list[str]:
    """What the logs of processes below a folder, ``log``, ``log.…`` or ``….log``, have that they must not."""
    found = []
    for path in sorted({*folder.rglob("log*"), *folder.rglob("*.log")}):
        if path.is_file() and not path.is_symlink():
            text = without_sign_in_link(path.read_text(errors="replace"))
            found += [f"{path.relative_to(folder)}: {each}" for each in proofs_in(text)]
    return found[:MOST_FOUND]
