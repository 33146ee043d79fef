"""``files node`` and ``files controller``: options that are completed or refused."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from files_service.cli.node import Unrunnable, controller_urls
from tests.cores import SECRETS
from tests.servers.commands import run_command
from tests.unit.cli.running import run

SECRET = "secret-of-nodes-for-tests-0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("", ()),
        ("127.0.0.1:8080", ("http://127.0.0.1:8080",)),
        ("http://a:1/, https://b:2,c:3", ("http://a:1", "https://b:2", "http://c:3")),
    ],
)
def test_an_address_of_a_controller_without_a_scheme_is_completed(text: str, urls: tuple[str, ...]) -> None:
    assert controller_urls(text) == urls


@pytest.mark.parametrize("text", ["nodes://a:1", "http://", "http://a:1/path"])
def test_what_is_no_address_of_a_controller_is_refused_before_the_folder_is_made(text: str, tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": SECRET, **SECRETS}
    found = run(environ, "node", "--init", "--data", str(tmp_path / "node"), "--controllers", text)
    assert found.exit_code == 1
    assert "--controllers has no address" in found.output
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "0.0.0.0:8090"], "0.0.0.0:8090 is no address at which others reach this node"),
        (["--listen", "[::]:8090"], "--url http://HOST:8090"),
        (["--url", "10.0.0.11:8090"], "--url is no URL: 10.0.0.11:8090"),
        (["--url", "nodes://10.0.0.11:8090"], "--url is no URL"),
    ],
)
def test_an_address_that_leads_nobody_to_the_node_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": SECRET, **SECRETS}
    told = ["--controllers", "http://127.0.0.1:1", *options]
    found = run(environ, "node", "--init", "--data", str(tmp_path / "node"), *told)
    assert found.exit_code == 1
    assert said in found.output
    assert not (tmp_path / "node").exists()


def test_a_controller_of_a_store_without_nodes_is_refused(tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": SECRET, **SECRETS}
    found = run(environ, "controller")
    assert found.exit_code == 1
    assert "FILES_BLOBS_URL is not nodes://" in found.output


def test_an_address_that_is_taken_leaves_no_folder(tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": SECRET, **SECRETS}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        found = run(environ, "node", "--init", "--data", str(tmp_path / "node"), "--listen", address)
    assert found.exit_code == 1
    assert f"cannot listen on {address}" in found.output
    assert not (tmp_path / "node").exists()


def test_a_refused_folder_is_told_once(tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": SECRET, **SECRETS}
    command = [sys.executable, "-m", "files_service.cli", "node", "--data", str(tmp_path / "node")]
    found = run_command(command, environ={**os.environ, **environ})
    assert (found.returncode, found.stdout) == (Unrunnable.exit_code, "")
    assert [line for line in found.stderr.splitlines() if "is no folder of a node" in line] == found.stderr.splitlines()
