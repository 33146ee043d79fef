"""The command line: what it makes of its arguments, and failures that say what to do."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from files_service.api import METHODS
from files_service.cli import cli
from files_service.cli.call import parse_params
from files_service.cli.remote import Remote
from files_service.client import FilesClient
from files_service.config import misspelt_variables
from files_service.gateway.auth.bearer import owner_of_token
from files_service.messaging.events import LogPublisher
from files_service.services.listing.sync_progress import consumer_of
from files_service.worker.run import Worker
from storage_adapters import MARK, CopyMark, SupportsChanges, SupportsIdentity, open_metadata_store
from tests.cores import SECRETS, pending_file, processed_file, sqlite_core
from tests.cores import at as at_time
from tests.gateway.serving import Served, serving
from tests.servers.ports import free_ports
from tests.unit.lost_bytes import paths, rot


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which no gateway runs."""
    return {"FILES_DATA_DIR": str(tmp_path), "FILES_HTTP": "127.0.0.1:9", "AMQP_URI": "", **SECRETS}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway and a worker."""
    [port] = free_ports(1)
    core = sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{port}")
    worker = Worker(core, LogPublisher())
    with serving(core, port=port) as found:
        worker.start()
        yield found
        worker.stop(10)


def run(environ: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner(env=dict(environ)).invoke(cli, arguments)


def at(served: Served, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a client of this gateway."""
    return {**environ, "FILES_HTTP": f"127.0.0.1:{served.port}"}


@pytest.mark.parametrize(
    ("texts", "params"),
    [
        (["owner=ann"], {"owner": "ann"}),
        (["owner=42"], {"owner": "42"}),
        (["owner=true"], {"owner": "true"}),
        (['owner="42"'], {"owner": "42"}),
        (["owner=null"], {"owner": None}),
        (["owner="], {"owner": ""}),
        (["owner=a=b"], {"owner": "a=b"}),
        (["limit=5"], {"limit": 5}),
        (["with_total=true"], {"with_total": True}),
        (['filter={"size": {"gt": 1}}'], {"filter": {"size": {"gt": 1}}}),
        (["unknown=1"], {"unknown": 1}),
        (["min_change=@12"], {"min_change": "@12"}),
        (["search=@ann", "owner=@missing.json"], {"search": "@ann", "owner": "@missing.json"}),
        (["limit=1", "limit=2"], {"limit": 2}),
    ],
)
def test_a_value_is_json_where_it_is_json_else_text(texts: list[str], params: dict[str, Any]) -> None:
    assert parse_params("files.list", tuple(texts)) == params


@pytest.mark.parametrize("method", METHODS)
def test_the_client_has_every_method(method: str) -> None:
    assert callable(attrgetter(method.removeprefix("files."))(FilesClient("http://127.0.0.1:9")))


def test_values_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text('{"owner": "ann", "limit": 1}')
    (tmp_path / "tags.json").write_text('["a"]')
    texts = (f"@{tmp_path}/all.json", f"tags=@{tmp_path}/tags.json", "limit=2")
    assert parse_params("files.list", texts) == {"owner": "ann", "limit": 2, "tags": ["a"]}


@pytest.mark.parametrize("text", ["owner", "=x", "", "@missing.json", "tags=@missing.json"])
def test_what_is_no_parameter_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse_params("files.list", (text,))


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
        (["worker"], {"FILES_BLOBS_URL": "nope://x"}, 1, "Correct FILES_METADATA_URL, FILES_LIST_URL"),
        (["rpc"], {}, 1, "AMQP_URI is not set"),
        (["--config", "/nowhere.yaml", "up"], {}, 1, "cannot read the settings"),
        (["token", "x" * 79], {}, 1, "1 to 78 characters"),
        (["token", "ann", "--ttl-seconds", "0"], {}, 2, "--ttl-seconds"),
        (["put", "/nowhere"], {}, 2, "does not exist"),
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


def test_a_port_in_use_is_named(served: Served, environ: dict[str, str]) -> None:
    for command in ("gateway", "up"):
        result = run(at(served, {**environ, "FILES_DATA_DIR": environ["FILES_DATA_DIR"] + "/other"}), command)
        assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
        assert f"127.0.0.1:{served.port} is in use" in result.output
        taken = {"FILES_HTTP": "127.0.0.1:0", "FILES_OPERATION_HTTP": f"127.0.0.1:{served.port}"}
        result = run({**environ, **taken, "FILES_DATA_DIR": environ["FILES_DATA_DIR"] + "/other"}, command)
        assert f"127.0.0.1:{served.port} is in use" in result.output
        assert "another address: FILES_OPERATION_HTTP" in result.output


def test_a_call_prints_the_result_as_json(served: Served, environ: dict[str, str]) -> None:
    result = run(at(served, environ), "call", "files.count", "owner=ann")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["total"] == 0


def test_an_error_is_shown_with_code_and_fields(served: Served, environ: dict[str, str]) -> None:
    result = run(at(served, environ), "call", "files.info", "file_id=x", "nope=1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: bad_request: ")
    assert "  file_id: " in result.stderr
    assert "  nope: " in result.stderr


def test_something_else_that_answers_is_told_from_the_service(served: Served, environ: dict[str, str]) -> None:
    result = run({**environ, "FILES_PUBLIC_URL": f"http://127.0.0.1:{served.port}/elsewhere"}, "call", "files.count")
    assert result.exit_code == 1
    assert "not_found" in result.output


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_a_file_is_put_in_one_go(served: Served, environ: dict[str, str], tmp_path: Path, size: int) -> None:
    path = tmp_path / "Übung.txt"
    path.write_bytes(os.urandom(size))
    result = run(at(served, environ), "put", str(path), "--owner", "ann", "--name", "b.txt")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["status"], record["name"], record["size"]) == ("processed", "b.txt", size)
    assert record["content_type"] == "text/plain"
    assert b"".join(served.core.blobs.get(record["parts"][0]["key"])) == path.read_bytes()


def test_the_help_of_call_has_no_marks_of_its_layout(environ: dict[str, str]) -> None:
    assert "\\b" not in run(environ, "call", "--help").output


def test_a_pipe_is_put_whole(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    path, content = tmp_path / "pipe", os.urandom(300_000)
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    result = run(at(served, environ), "put", str(path))
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["size"], record["parts"][0]["sha256"]) == (len(content), sha256(content).hexdigest())


def test_a_file_without_a_size_is_put_whole(served: Served, environ: dict[str, str]) -> None:
    result = run(at(served, environ), "put", "/proc/version")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["size"] == len(Path("/proc/version").read_bytes())


@pytest.mark.parametrize("change", ["grows", "shrinks", "changes"])
def test_a_file_that_changes_while_it_is_put_is_an_error(
    served: Served, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "log.bin"
    path.write_bytes(bytes(3_000_000))
    call = Remote.call

    def change_first(remote: Remote, method: str, params: dict[str, Any]) -> Any:
        if method == "files.upload":
            with path.open("r+b") as file:
                if change == "shrinks":
                    file.truncate(1_000_000)
                else:
                    file.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                    file.write(b"other")
        return call(remote, method, params)

    # The file changes at a moment that no test can hit from another process.
    monkeypatch.setattr(Remote, "call", change_first)
    result = run(at(served, environ), "put", str(path))
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert "changed" in result.output or "mismatch" in result.output


def test_a_token_is_its_owners(environ: dict[str, str]) -> None:
    result = run(environ, "token", "ann", "--ttl-seconds", "60")
    assert owner_of_token(result.stdout.strip(), SECRETS["FILES_JWT_SECRET"]) == "ann"


def test_the_version_is_that_of_the_package(environ: dict[str, str]) -> None:
    assert run(environ, "--version").stdout.startswith("files, version ")


class TestDoctor:
    """One line for each part, and what to do."""

    def lines(self, result: Result) -> dict[str, Any]:
        return {line["part"]: line for line in map(json.loads, result.stdout.splitlines())}

    def test_all_is_well_while_everything_runs(self, served: Served, environ: dict[str, str]) -> None:
        result = run(at(served, environ), "doctor", "--json")
        assert result.exit_code == 0, result.output
        assert all(line["ok"] for line in self.lines(result).values())
        assert len(self.lines(result)) == 11

    def test_the_operation_address_is_checked_beside_the_public_one(
        self, served: Served, environ: dict[str, str]
    ) -> None:
        result = run(at(served, {**environ, "FILES_OPERATION_HTTP": "127.0.0.1:9"}), "doctor", "--json")
        assert result.exit_code == 1
        lines = self.lines(result)
        assert "to everybody" in lines["gateway"]["text"]
        assert "Restart" in lines["gateway"]["advice"]
        assert "does not answer" in lines["operation"]["text"]

    @pytest.mark.parametrize(
        ("changes", "part", "advice"),
        [
            ({}, "gateway", "files up"),
            ({"FILES_METADATA_URL": "nope://"}, "metadata", "FILES_METADATA_URL"),
            ({"FILES_METADATA_URL": "sqlite:////proc/nope/x.db"}, "metadata", "FILES_METADATA_URL"),
            ({"FILES_BLOBS_URL": "file:///proc/nope"}, "blobs", "FILES_BLOBS_URL"),
            ({"AMQP_URI": "amqp://guest:verysecret@127.0.0.1:9//"}, "broker", "AMQP_URI"),
            ({"FILES_HTTP": "nonsense"}, "settings", "docs/settings.md"),
        ],
    )
    def test_a_part_that_does_not_work_is_named_with_advice(
        self, environ: dict[str, str], changes: dict[str, str], part: str, advice: str
    ) -> None:
        result = run({**environ, **changes}, "doctor", "--json")
        assert result.exit_code == 1
        line = self.lines(result)[part]
        assert not line["ok"]
        assert advice in line["advice"]
        assert "verysecret" not in result.output

    def test_a_list_store_is_checked_for_what_it_lacks(self, environ: dict[str, str], tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/lists.db"
        core = sqlite_core(tmp_path)
        pending_file(core)
        assert isinstance(core.metadata, SupportsChanges)

        def line() -> Any:
            return self.lines(run({**environ, "FILES_LIST_URL": url}, "doctor", "--json"))["lists"]

        assert "never been filled" in line()["text"]
        assert "python -m syncer run" in line()["advice"]
        sequence = core.metadata.last_sequence()
        open_metadata_store(url).close()
        assert "never been filled" in line()["text"]
        core.metadata.move_checkpoint(consumer_of(url), expected="", sequence=sequence)
        assert "not known to be a copy" in line()["text"]
        assert isinstance(core.metadata, SupportsIdentity)
        with closing(open_metadata_store(url)) as copy:
            assert isinstance(copy, SupportsIdentity)
            mark = CopyMark(source=core.metadata.identity(), checkpoint=sequence).to_text()
            assert copy.write_note(MARK, expected="", text=mark)
        assert line()["ok"]
        assert "up to date" in line()["text"]
        pending_file(at_time(core, core.clock() - 3_600_000))
        assert "lacks 1 changes, the oldest 36" in line()["text"]
        assert "python -m syncer run" in line()["advice"]
        core.close()
        result = run({**environ, "FILES_LIST_URL": "sqlite:////proc/nope/x.db"}, "doctor", "--json")
        assert "FILES_LIST_URL" in self.lines(result)["lists"]["advice"]

    def test_lost_parts_are_named_by_doctor_and_scrub_until_they_are_repaired(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        with closing(sqlite_core(tmp_path)) as core:
            record, other = processed_file(core, b"precious"), processed_file(core, b"other", owner="bob")
            rot(paths(core, record)[0])
        assert "no worker has read them" in self.lines(run(environ, "doctor", "--json"))["bytes"]["text"]
        found = run(environ, "scrub")
        assert found.exit_code == 1
        assert f"{record['file_id']} p0 rotten 0 ann clip.bin\n" in found.stdout
        assert "2 files read, 1 parts lost" in found.stdout
        assert other["file_id"] not in found.stdout
        of_bob = run(environ, "scrub", "--owner", "bob")
        assert (of_bob.exit_code, of_bob.stdout) == (0, "1 files read, 0 parts lost\n")
        line = self.lines(run(environ, "doctor", "--json"))["bytes"]
        assert not line["ok"]
        assert f"lost: {record['file_id']} p0 (rotten)" in line["text"]
        assert "files scrub" in line["advice"]
        with closing(sqlite_core(tmp_path)) as core:
            rot(paths(core, record)[0])
        assert run(environ, "scrub").exit_code == 0
        assert self.lines(run(environ, "doctor", "--json"))["bytes"] == {
            "part": "bytes",
            "text": "none are known to be lost",
            "advice": "",
            "ok": True,
        }

    def test_secrets_that_others_may_read_are_named(self, environ: dict[str, str], tmp_path: Path) -> None:
        secrets = tmp_path / "secrets"
        secrets.mkdir(mode=0o755)
        result = run(environ, "doctor")
        assert "✗ secrets" in result.output
        assert f"chmod go= {secrets}" in result.output.replace("\n", "")

    def test_a_full_disk_is_named(self, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_module("files_service.cli.doctor"), "LEAST_FREE_BYTES", 2**62)
        assert not self.lines(run(environ, "doctor", "--json"))["space"]["ok"]


@pytest.mark.parametrize("accepts", [False, True])
def test_a_dead_broker_is_named_before_the_time_of_a_call_is_over(environ: dict[str, str], accepts: bool) -> None:
    """A broker that is away, and one that takes the connection and never answers."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        if accepts:
            listener.listen()
        uri = f"amqp://127.0.0.1:{listener.getsockname()[1]}"
        result = run({**environ, "AMQP_URI": uri}, "call", "--amqp", "files.count", "owner=ann")
    assert result.exit_code == 1
    assert "the broker does not answer" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_misspelt_variable_is_named(served: Served, environ: dict[str, str]) -> None:
    known = run(at(served, environ), "call", "files.count", "owner=ann")
    assert known.stderr == ""
    result = run({**at(served, environ), "FILES_METADTA_URL": "redis://x"}, "call", "files.count", "owner=ann")
    assert result.exit_code == 0
    assert result.stderr == "FILES_METADTA_URL is no setting and has no effect: did you mean FILES_METADATA_URL?\n"


def test_variables_of_others_are_left_alone() -> None:
    others = dict.fromkeys(("FILES_TESTS", "FILES_RANDOM_SEED", "PROFILES_HTTP", "FILES_HTTP"), "x")
    assert misspelt_variables(None, others) == {}
    assert misspelt_variables(None, {"FILES_BLOB_URL": "x"}) == {"FILES_BLOB_URL": "FILES_BLOBS_URL"}
