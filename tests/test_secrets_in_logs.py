"""A run whose logs have a session URI, a signature or a token fails."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from tests.folders import ROOT
from tests.secrets_in_logs import WATCH, LogWatch, proofs_in, proofs_in_files
from tests.servers.commands import run_command


@pytest.mark.parametrize(
    "text",
    [
        "GET https://storage.googleapis.com/files/a?X-Goog-Algorithm=GOOG4&X-Goog-Signature=0a1b2c",
        "PUT https://storage.googleapis.com/upload/storage/v1/b/files/o?uploadType=resumable&upload_id=ABPnzm",
        "Authorization: Bearer abc",
        "http://127.0.0.1:8080/?token=abc",
        "/blobs/a/b/c?expires=1&signature=abc",
        "the token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJl",
        "webhook-token-for-tests-0123456789abcdef",
        f"the session fs_{'a' * 43}",
        "$argon2id$v=19$m=65536",
        "-----BEGIN PRIVATE KEY-----",
        f"POST /bot1234567890:AA{'b' * 33}/sendMessage",
    ],
)
def test_a_secret_would_be_found(text: str) -> None:
    assert list(proofs_in(f"before {text} behind"))


@pytest.mark.parametrize(
    "text",
    [
        "signature=***",
        "?signature=REDACTED",
        "Bearer ***",
        'Bearer realm="files"',
        "upload_id=*** HTTP/1.1",
        "a token",
        "/tokens/=x",
    ],
)
def test_what_was_replaced_is_none(text: str) -> None:
    assert not list(proofs_in(text))


@pytest.mark.parametrize("name", ["log", "log.17", "gateway.log", "syncer.log"])
def test_a_secret_in_the_log_of_a_process_would_be_found(name: str) -> None:
    with tempfile.TemporaryDirectory() as outside:
        path = Path(outside) / "service" / name
        path.parent.mkdir()
        path.write_text("sign in http://x/?token=abc\nbefore Bearer abc behind\n")
        assert proofs_in_files(Path(outside)) == [f"service/{name}: before Bearer abc behind"]


@pytest.mark.parametrize(
    ("stream", "answers", "count"), [("stderr", True, 1), ("stdout", False, 1), ("stdout", True, 0)]
)
def test_a_secret_that_a_command_writes_would_be_found(stream: str, answers: bool, count: int) -> None:
    watch = LogWatch()
    script = f"import sys; print('before Bearer ' + 'abc', file=sys.{stream}); print('sign in http://x/?token=a')"
    run_command([sys.executable, "-c", script], answers=answers, watch=watch)
    assert watch.found == ["before Bearer abc"] * count


def test_a_secret_on_the_standard_error_that_children_share_would_be_found() -> None:
    watch = LogWatch()
    sections = [("Captured stdout call", "Bearer abc"), ("Captured stderr call", "before Bearer abc")]
    for when in ("setup", "call", "teardown"):
        # Each report of a test has what was captured until then.
        watch.look_at_report(pytest.TestReport("a test", ("", None, ""), {}, "passed", None, when, sections))
    assert watch.found == ["before Bearer abc"]


def test_whatever_else_reads_the_output_of_a_process_is_known() -> None:
    pattern = re.compile(r"capture_output=True|std(?:out|err)=subprocess\.PIPE|check_output")
    folder = Path(__file__).parent
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.py") if pattern.search(path.read_text())}
    assert found == {
        "servers/commands.py",
        "test_secrets_in_logs.py",  # this line
        "servers/forking.py",  # process ids; what commands print and log goes into a file
        "docs/test_readme.py",  # has it looked at
        "adapters/test_redis_addresses.py",  # openssl
        "gateway/test_tus_clients.py",  # node
        "integration/test_amqp_tls.py",  # openssl
        "integration/test_clock_ahead.py",  # one line of a process
        "integration/test_two_stores.py",  # curl
        "integration/callers.py",  # answers to calls
        "integration/test_webhook_storm.py",  # counts of a sender of the tests
        "syncer/test_signals.py",  # two words
        "migrations/test_command_line.py",  # what an interrupted run says, word for word
        "syncer/test_progress.py",  # has it looked at
        "releases/keep.py",  # by hand only: a checkout of another release
        "servers/ascmhl.py",  # the reference tool for manifests
        "media/test_forking.py",  # ids of processes
        "ingest/udisks_scene.py",  # udisksctl
        "ingest/test_watch_command.py",  # one line, before the reader goes; the log is a file
        "ingest/cards.py",  # mount, losetup, mkfs.exfat
        "unit/test_unicode_text.py",  # names of functions
        "walk/curl.py",  # curl
        "unit/test_zip_layout.py",  # unzip
        "nodes/test_controller_census.py",  # has it looked at
        "integration/test_packages.py",  # builds of packages, and programs installed from them
    }


def test_the_watch_sees_what_this_process_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WATCH, "found", [])
    logging.getLogger("files_service").info("looked at", extra={"url": "http://x/?signature=abc"})
    assert WATCH.found == []
    logging.getLogger("files_service").info("before channel-token-for-tests")
    assert len(WATCH.found) == 2, "once in each form"


LEAKS = """
import logging

def test_a_record():
    logging.getLogger("syncer").warning("channel-token-for-tests recorded")

def test_a_folder_of_the_run(tmp_path_factory):
    (tmp_path_factory.mktemp("service") / "log").write_text("channel-token-for-tests shared")

def test_a_folder_of_a_test(tmp_path):
    (tmp_path / "log").write_text("channel-token-for-tests alone")
"""
NO_LEAK = "def test_nothing(tmp_path): (tmp_path / 'log').write_text('Bearer ***')"


def run_in_processes(processes: str, tests: str) -> tuple[int, set[str]]:
    """Run these tests as the suite is run; returns the exit status, and which secrets were shown."""
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside)
        (folder / "pytest.ini").write_text("[pytest]")
        (folder / "conftest.py").write_text("from tests.conftest import pytest_configure, tmp_path")
        (folder / "test_leaks.py").write_text(tests)
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), ROOT: outside}
        options = ["-p", "no:pytest_nameko", "-p", "no:schemathesis", "-n", processes, "test_leaks.py"]
        done = run_command([sys.executable, "-m", "pytest", *options], answers=True, environ=environ, folder=folder)
    return done.returncode, set(re.findall(r"channel-token-for-tests (\w+)", done.stdout))


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_run_fails_when_one_of_its_processes_leaks_a_secret(processes: str) -> None:
    status, shown = run_in_processes(processes, LEAKS)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert shown >= {"recorded", "shared"}


def test_a_test_that_leaks_a_secret_fails_and_others_do_not() -> None:
    status, shown = run_in_processes("1", NO_LEAK)
    assert (status, shown) == (pytest.ExitCode.OK, set())
