"""The log of a gateway that clients attack: refusals are bounded, failures are not."""

from __future__ import annotations

import http.client
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from files_service.runtime.line_budget import MOST_OF_KIND
from files_service.runtime.logs import ACCESS_LOGGER
from tests.cores import memory_core
from tests.gateway.serving import RPC_TOKEN, Served, serving, wait_until

MANY = MOST_OF_KIND + 20


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(memory_core(tmp_path)) as served:
        yield served


def ask(
    served: Served,
    method: str,
    path: str,
    times: int = MANY,
    peer: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Make a request many times on one connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, 30, source_address=(peer, 0))) as connection:
        for _ in range(times):
            connection.request(method, path, b"{}" if method == "POST" else None, dict(headers or {}))
            connection.getresponse().read()


def lines(caplog: pytest.LogCaptureFixture) -> Counter[Any]:
    said = [vars(record) for record in caplog.records if record.name == ACCESS_LOGGER]
    return Counter((line["path"], line["status"], line["remote"]) for line in said if "path" in line)


def test_refusals_of_a_peer_are_bounded_counted_and_reported(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ask(served, "GET", "/nope")
        ask(served, "GET", "/nope", 1, peer="127.0.0.2")
        wait_until(lambda: lines(caplog)[("/nope", 404, "127.0.0.2")] == 1)
        assert lines(caplog)[("/nope", 404, "127.0.0.1")] == MOST_OF_KIND
        metrics = served.request("GET", "/metrics").body.decode()
        assert 'files_log_lines_left_out_total{event="request"} 20.0' in metrics
        served.stop()
    [report] = [vars(record) for record in caplog.records if record.getMessage() == "lines left out"]
    assert (report["levelname"], report["of"], report["lines"]) == ("WARNING", "request", 20)


def test_lines_about_calls_that_fail_are_bounded_too(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        headers = {"Authorization": f"Bearer {RPC_TOKEN}", "Content-Type": "application/json"}
        ask(served, "POST", "/rpc/files.info", headers=headers)
        served.stop()
    said = Counter(record.getMessage() for record in caplog.records)
    assert said["call failed"] == MOST_OF_KIND
    assert sorted(
        (vars(record)["of"], vars(record)["lines"])
        for record in caplog.records
        if record.getMessage() == "lines left out"
    ) == [("call failed", 20), ("request", 20)]


def test_requests_that_succeed_and_failures_of_ours_are_all_logged(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(_owner: str | None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(served.core.metadata, "usage", explode)
    with caplog.at_level(logging.INFO):
        headers = {"Authorization": f"Bearer {RPC_TOKEN}", "Content-Type": "application/json"}
        ask(served, "POST", "/rpc/files.count", headers=headers)
        ask(served, "GET", "/openapi.json")
        served.stop()
    assert lines(caplog)[("/rpc/files.count", 500, "127.0.0.1")] == MANY
    assert lines(caplog)[("/openapi.json", 200, "127.0.0.1")] == MANY
    assert Counter(record.levelname for record in caplog.records)["ERROR"] == MANY
