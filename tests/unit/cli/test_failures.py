"""Failures of commands: they say what to do, once, and show no traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from files_service.config import unread_variables
from files_service.domain.identity import SESSION_PREFIX
from tests.cores import pending_file
from tests.gateway.serving import Served
from tests.servers.commands import run_command
from tests.unit.cli.running import at, run


@pytest.mark.parametrize(
    ("arguments", "environ_changes", "status", "said"),
    [
        (["call", "files.inf"], {}, 2, "did you mean files.info?"),
        (["call", "files.count", "owner"], {}, 2, "neither NAME=VALUE nor @FILE"),
        (["call", "files.count"], {}, 1, "files up"),
        (["call", "--amqp", "files.count"], {}, 1, "AMQP_URI is not set"),
        (["call", "files.count"], {"FILES_HTTP": "nonsense"}, 1, "FILES.http: Must be host:port."),
        (["call", "files.count"], {"FILES_RPC_TOKEN": "short"}, 1, "FILES.rpc_token"),
        (["gateway"], {"FILES_METADATA_URL": "sqlit:///x"}, 1, "did you mean sqlite://?"),
        (["gateway"], {"FILES_METADATA_URL": "sqlite:////proc/nope/x.db"}, 1, "files doctor"),
        (["gateway"], {"FILES_HTTP": "256.256.256.256:80"}, 1, "Correct FILES_HTTP"),
        (["gateway"], {"FILES_OPERATION_HTTP": "nonsense"}, 1, "FILES.operation_http: Must be host:port."),
        (["gateway"], {"FILES_OPERATION_HTTP": "127.0.0.1:9"}, 1, "must be another address than FILES.http"),
        (["worker"], {"FILES_BLOBS_URL": "nope://x"}, 1, "Correct FILES_BLOBS_URL;"),
        (["worker"], {"FILES_METADATA_URL": "nope://x"}, 1, "Correct FILES_METADATA_URL;"),
        (["worker"], {"FILES_LIST_URL": "nope://x"}, 1, "Correct FILES_LIST_URL;"),
        (["worker"], {"FILES_MIRROR_URL": "gs://"}, 1, "Correct FILES_MIRROR_URL;"),
        (["worker"], {"FILES_BLOBS_URL": "file:///proc/nope"}, 1, "store of FILES_BLOBS_URL: disk error in /proc/nope"),
        (["worker"], {"FILES_MIRROR_URL": "file:///proc/nope"}, 1, "of FILES_MIRROR_URL: disk error in /proc/nope"),
        (["doctor"], {"FILES_MIRROR_URL": "file:///proc/nope"}, 1, "Correct FILES_MIRROR_URL, give its folder"),
        (["worker"], {"FILES_METADATA_URL": "redis://127.0.0.1:1"}, 1, "open the store of FILES_METADATA_URL: redis:"),
        (["rpc"], {}, 1, "AMQP_URI is not set"),
        (["--config", "/nowhere.yaml", "up"], {}, 1, "cannot read the settings"),
        (["token", "x" * 79], {}, 1, "1 to 78 characters"),
        (["token", "ann", "--ttl-seconds", "0"], {}, 2, "--ttl-seconds"),
        (["put", "/nowhere"], {}, 1, "cannot read /nowhere: No such file"),
        (["put", "/nowhere", "/nor-here", "--name", "x"], {}, 2, "are for a single file"),
        (["put", "/proc/version"], {}, 1, "no gateway answers"),
        (["ls"], {}, 1, "no gateway answers"),
        (["get", "x"], {}, 1, "no gateway answers"),
        (["rm", "x", "y"], {}, 1, "no gateway answers"),
        (["nope"], {}, 2, "No such command"),
    ],
)
def test_a_failure_says_what_to_do_and_shows_no_traceback(
    environ: dict[str, str], arguments: list[str], environ_changes: dict[str, str], status: int, said: str
) -> None:
    result = run({**environ, **environ_changes}, *arguments)
    assert result.exit_code == status, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("arguments", [["ls"], ["share", "list"], ["analytics"], ["mv", "a", "b"]])
def test_a_store_that_is_away_is_told_to_somebody_with_a_session(
    alone: Served, environ: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    for path in tmp_path.rglob("*.db"):
        path.unlink()
    result = run({**at(alone, environ), "FILES_TOKEN": SESSION_PREFIX + "x" * 43}, *arguments)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "storage_unavailable" in result.stderr


def test_a_port_in_use_is_named(served: Served, environ: dict[str, str]) -> None:
    for command in ("gateway", "up"):
        result = run(at(served, {**environ, "FILES_DATA_DIR": environ["FILES_DATA_DIR"] + "/other"}), command)
        assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
        assert f"127.0.0.1:{served.port} is in use" in result.output
        taken = {"FILES_HTTP": "127.0.0.1:0", "FILES_OPERATION_HTTP": f"127.0.0.1:{served.port}"}
        result = run({**environ, **taken, "FILES_DATA_DIR": environ["FILES_DATA_DIR"] + "/other"}, command)
        assert f"127.0.0.1:{served.port} is in use" in result.output
        assert "another address: FILES_OPERATION_HTTP" in result.output


def test_the_version_is_that_of_the_package(environ: dict[str, str]) -> None:
    assert run(environ, "--version").stdout.startswith("files, version ")


def test_a_misspelt_variable_is_named(served: Served, environ: dict[str, str]) -> None:
    known = run(at(served, environ), "call", "files.count", "owner=ann")
    assert known.stderr == ""
    result = run({**at(served, environ), "FILES_METADTA_URL": "redis://x"}, "call", "files.count", "owner=ann")
    assert result.exit_code == 0
    assert result.stderr == "FILES_METADTA_URL has no effect: did you mean FILES_METADATA_URL?\n"


def test_variables_of_others_are_left_alone() -> None:
    others = dict.fromkeys(("FILES_TESTS", "FILES_RANDOM_SEED", "PROFILES_HTTP", "FILES_HTTP"), "x")
    assert unread_variables(None, others) == {}
    assert unread_variables(None, {"AMQP_URI": "amqp://ours", "AMQP_URL": "amqp://theirs"}) == {}


def test_a_variable_that_nothing_reads_is_named_with_what_to_do(tmp_path: Path) -> None:
    assert unread_variables(None, {"FILES_BLOB_URL": "x"}) == {"FILES_BLOB_URL": "did you mean FILES_BLOBS_URL?"}
    assert unread_variables(None, {"AMQP_URL": "amqp://x"}) == {"AMQP_URL": "did you mean AMQP_URI?"}
    assert "in a file alone" in unread_variables(None, {"FILES_TRASH_DAYS": "3"})["FILES_TRASH_DAYS"]
    (mine := tmp_path / "mine.yaml").write_text("FILES: {http: '${FILES_HTTP:127.0.0.1:8080}'}\n")
    environ = {"FILES_HTTP": "127.0.0.1:1", "FILES_DATA_DIR": "data", "FILES_TOKEN": ""}
    assert list(unread_variables(mine, environ)) == ["FILES_DATA_DIR"]


def test_each_line_of_a_failure_is_said_once(served: Served, environ: dict[str, str]) -> None:
    for arguments in (
        ["call", "files.info", "file_id=x"],
        ["call", "files.info", "file_id=x", "nope=1"],
        ["get", "nothing"],
        ["put", "/nowhere"],
        ["put", "/nowhere", "/nor-here"],
    ):
        result = run(at(served, environ), *arguments)
        assert result.exit_code == 1
        lines = [line.removeprefix("Error: ").removeprefix("bad_request: ") for line in result.stderr.splitlines()]
        faults = [text.strip() for line in lines for text in line.split("; ")]
        assert len(faults) == len(set(faults)), result.stderr


@pytest.mark.parametrize("command", [["ls"], ["call", "files.count", "owner=ann"], ["put", "/proc/version"]])
def test_a_client_without_a_token_is_told_how_to_get_one_and_makes_no_secrets(
    served: Served, tmp_path: Path, command: list[str]
) -> None:
    elsewhere = {"FILES_DATA_DIR": str(tmp_path / "elsewhere"), "FILES_HTTP": f"127.0.0.1:{served.port}"}
    for more, said in (({}, "there is no token"), ({"FILES_TOKEN": "a.b.c"}, "refuses the token")):
        result = run({**elsewhere, **more}, *command)
        assert result.exit_code == 1
        assert said in result.stderr
        assert "files token OWNER" in result.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["scrub"],
        ["mirror"],
        ["encrypt"],
        ["rotate-keys"],
        ["account", "list"],
        ["tenant", "list"],
        ["notify", "end"],
        ["nodes", "status"],
    ],
)
def test_a_command_that_works_on_what_is_there_makes_no_store(
    environ: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    mistyped = f"sqlite:///{tmp_path}/none/fles.db"
    environ |= {"FILES_METADATA_URL": mistyped, "FILES_NODES_SECRET": "n" * 32}
    if command[0] == "nodes":
        environ["FILES_BLOBS_URL"] = "nodes://127.0.0.1:9"
    result = run(environ, *command)
    assert result.exit_code == 1
    assert f"the store of FILES_METADATA_URL: there is no store at {mistyped}" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["doctor", "ls --access private", "migrate status"])
def test_a_full_disk_under_the_output_is_told_in_one_line(
    served: Served, environ: dict[str, str], command: str
) -> None:
    pending_file(served.core, owner="me")
    line = f"exec {sys.executable} -m files_service.cli {command} > /dev/full"
    done = run_command(["sh", "-c", line], environ={**os.environ, **at(served, environ)})
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
