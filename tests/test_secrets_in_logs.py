"""Runs last: no log of the whole suite has a session URI, a signature or a token."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest

from tests.secrets_in_logs import LogWatch, proofs_in, proofs_in_files


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
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_a_secret_would_be_found(text: str) -> None:
    assert list(proofs_in(f"before {text} behind"))


@pytest.mark.parametrize(
    "text", ["signature=***", "Bearer ***", 'Bearer realm="files"', "upload_id=*** HTTP/1.1", "a token", "/tokens/=x"]
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


@pytest.mark.last
def test_no_log_of_the_whole_suite_has_a_secret(
    log_watch: LogWatch, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    logging.getLogger("files_service").info("looked at", extra={"url": "http://x/?signature=abc"})
    assert log_watch.seen
    assert log_watch.found == []
    assert proofs_in_files(tmp_path_factory.getbasetemp()) == []
