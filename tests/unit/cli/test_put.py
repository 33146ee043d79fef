"""``files put``: what is sent, and what is said of it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from files_service.cli import remote
from files_service.cli.remote import Remote
from files_service.gateway.auth.bearer import make_token
from files_service.messaging.events import LogPublisher
from files_service.services.hooks import ProcessingHook, ReadPart, Rejected
from files_service.worker.run import Worker
from storage_adapters import FileRecord
from tests.cores import SECRETS, sqlite_core
from tests.gateway.serving import Served, serving
from tests.servers.faulty import FaultyProxy
from tests.servers.ports import free_ports
from tests.unit.cli.running import at, done, run
from tests.waiting import PATIENCE_SECONDS


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


@pytest.mark.parametrize("request_number", [1, 2, 3])
def test_a_proxy_that_loses_an_answer_costs_a_repetition(
    environ: dict[str, str], tmp_path: Path, request_number: int
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(300_000))
    with FaultyProxy(0) as proxy:
        core = sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{proxy.port}")
        worker = Worker(core, LogPublisher())
        with serving(core) as served:
            proxy._backend = served.port
            worker.start()
            proxy.fail(request_number, "bad gateway")
            through = {**environ, "FILES_PUBLIC_URL": core.settings.public_url}
            result = run(through, "put", str(path), "--owner", "ann", "--alias", "once")
            assert result.exit_code == 0, result.output
            assert served.result("files.count", owner="ann")["total"] == 1
            record = json.loads(result.stdout)
            assert b"".join(core.blobs.get(record["parts"][0]["key"])) == path.read_bytes()
            proxy.fail_all("POST", "bad gateway")
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(remote, "_LONGEST_PAUSE", 0.01)
                refused = run(through, "ls")
            assert (refused.exit_code, "nothing answers behind http" in refused.stderr) == (1, True)
            assert worker.stop(PATIENCE_SECONDS)


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
    result = run(at(served, environ), "put", str(path), "--owner", change, "--alias", "log")
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert "changed" in result.output or "mismatch" in result.output
    # Another attempt finds alias and quota free.
    assert served.result("files.count", owner=change)["total"] == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that may lie in one."""
    folder = tmp_path / "my photos"
    (folder / "2024" / "süd").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("-rf.txt", ".hidden", "2024/süd/日本 1.txt", "2024/new\nline.txt", "empty"):
        (folder / name).write_text("" if name == "empty" else name)
    (folder / os.fsdecode(b"caf\xe9")).write_text("coffee")
    (folder / "inside").symlink_to("-rf.txt")
    (folder / "outside").symlink_to(tmp_path / "secret.txt")
    (folder / "round").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe")
    return folder


def test_what_does_not_belong_to_a_folder_is_left_out(served: Served, environ: dict[str, str], folder: Path) -> None:
    result = run(at(served, environ), "put", folder)
    assert result.exit_code == 0, result.output
    for name, reason in (("outside", "a link out of"), ("round", "a link to a folder"), ("pipe", "not a file")):
        assert f"left out {folder}/{name}: {reason}" in result.stderr
    assert "7 of 7 files put" in result.stderr


@pytest.mark.parametrize(
    ("to", "top"),
    [(["--to", "Trips/2024/"], "Trips/2024/my photos/"), (["--to", "/"], "my photos/"), ([], "my photos/")],
)
def test_a_folder_is_put_into_a_folder_of_the_service(
    served: Served, environ: dict[str, str], folder: Path, to: list[str], top: str
) -> None:
    result = run(at(served, environ), "put", folder, *to)
    assert result.exit_code == 0, result.output
    files = served.result("files.list", owner="me", limit=100)["files"]
    assert {file["path"]: file["name"] for file in files} == {
        f"{top}{path}": path.rpartition("/")[2]
        for path in ("-rf.txt", ".hidden", "2024/süd/日本 1.txt", "2024/new_line.txt", "empty", "caf\ufffd", "inside")
    }
    assert '"name":"2024"' in run(at(served, environ), "ls", top.rstrip("/")).stdout


def test_a_place_and_a_name_of_its_own_exclude_each_other(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    for other in (("--name", "b.txt"), ("--version-of", "01ARZ3NDEKTSV4RRFFQ69G5FAV")):
        result = run(at(served, environ), "put", tmp_path / "a.txt", "--to", "Trips", *other)
        assert (result.exit_code, "--to gives files their paths" in result.output) == (2, True)


def test_a_file_that_fails_does_not_stop_the_others(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    for name in ("a.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    result = run(at(served, environ), "put", tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.txt")
    assert result.exit_code == 1
    assert [line.split('"name":')[1][:7] for line in result.stdout.splitlines()] == ['"a.txt"', '"c.txt"']
    assert f"\ncannot read {tmp_path}/b.txt: No such file or directory\n" in f"\n{result.stderr}"
    assert "2 of 3 files put, 1 failed" in result.stderr


def test_a_file_that_fails_in_processing_is_a_failure(environ: dict[str, str], tmp_path: Path) -> None:
    class Suspicious(ProcessingHook):
        """Rejects everything."""

        def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
            raise Rejected("virus", "has a virus")

    [port] = free_ports(1)
    core = replace(sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{port}"), hooks=(Suspicious(),))
    (tmp_path / "a.txt").write_text("text")
    worker = Worker(core, LogPublisher())
    with serving(core, port=port) as served:
        worker.start()
        result = run(at(served, environ), "put", tmp_path / "a.txt")
        assert worker.stop(PATIENCE_SECONDS)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "failed"
    assert "processing failed" in result.stderr


@pytest.mark.parametrize(("access", "linked"), [("private", False), ("unlisted", True), ("public", True)])
def test_a_file_that_everybody_may_read_is_put_with_its_link(
    served: Served, environ: dict[str, str], tmp_path: Path, access: str, linked: bool
) -> None:
    (tmp_path / "a.txt").write_text("text")
    [record] = done(at(served, environ), "put", tmp_path / "a.txt", "--access", access)
    assert record["access"] == access
    assert ("link" in record) == linked
    if linked:
        assert served.request("GET", record["link"]).status == 200


def test_a_file_is_put_for_the_owner_of_the_token(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    client = at(served, environ) | {"FILES_TOKEN": make_token("bob", SECRETS["FILES_JWT_SECRET"], 60)}
    [record] = done(client, "put", tmp_path / "a.txt", "--alias", "text")
    assert (record["owner"], record["alias"]) == ("bob", "text")
    result = run(client, "put", tmp_path / "a.txt", "--owner", "ann")
    assert result.exit_code == 1
    assert "forbidden" in result.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:{port}/", "127.0.0.1:nope/", "[::1"])
def test_a_file_goes_by_http_where_there_is_no_broker(environ: dict[str, str], tmp_path: Path, address: str) -> None:
    port, nowhere = free_ports(2)
    uri = f"amqp://ann:verysecret@{address.format(port=nowhere)}"
    core = sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{port}", amqp_uri=uri, queue_door=True)
    (tmp_path / "a.bin").write_bytes(b"content")
    with serving(core, port=port) as served:
        worker = Worker(core, LogPublisher())
        worker.start()
        result = run(at(served, environ) | {"AMQP_URI": uri}, "put", str(tmp_path / "a.bin"), "--queue")
        assert worker.stop(PATIENCE_SECONDS)
    assert result.exit_code == 0, result.output
    assert "sent by HTTP instead: no connection to the broker" in result.stderr
    assert "verysecret" not in result.output
    assert json.loads(result.stdout)["status"] == "processed"


def test_the_queue_needs_a_broker_and_a_door(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"content")
    result = run(at(served, environ), "put", str(tmp_path / "a.bin"), "--queue")
    assert "--queue needs AMQP_URI" in result.output
    result = run(at(served, environ) | {"AMQP_URI": "amqp://127.0.0.1:9/"}, "put", str(tmp_path / "a.bin"), "--queue")
    assert "the service has no queue door" in result.output
