"""``files get``: the bytes that arrive, where they are put, and what is left by a bad network."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from files_service.cli import download
from files_service.gateway.auth.bearer import make_token
from tests.cores import SECRETS, pending_file, processed_file, sqlite_core
from tests.gateway.serving import Served, serving
from tests.unit.cli.running import at, run

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the commands."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("clip.bin", "clip.bin"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("trip/süd 日本.txt", "trip_süd 日本.txt"),
        (".bashrc", "bashrc"),
        ("-rf", "-rf"),
        ("日" * 200 + ".txt", "日" * 83 + ".txt"),
    ],
)
def test_a_file_gets_its_own_name_within_the_folder(
    alone: Served, environ: dict[str, str], folder: Path, name: str, saved: str
) -> None:
    record = processed_file(alone.core, b"content", name=name)
    result = run(at(alone, environ), "get", record["file_id"])
    assert (result.exit_code, result.stdout) == (0, f"{saved}\n"), result.output
    assert [path.name for path in folder.iterdir()] == [saved]
    assert (folder / saved).read_bytes() == b"content"


def test_a_file_is_put_where_it_is_wanted(alone: Served, environ: dict[str, str], folder: Path) -> None:
    processed_file(alone.core, b"first", b"second", alias="both", name="both.bin")
    (folder / "into").mkdir()
    for arguments, path, content in (
        (["into"], "into/both.bin", b"first"),
        (["into", "--part", "p1"], "into/both-p1.bin", b"second"),
        (["other"], "other", b"first"),
    ):
        result = run(at(alone, environ), "get", "both", "--owner", "ann", *arguments)
        assert result.exit_code == 0, result.output
        assert (folder / path).read_bytes() == content
    result = run(at(alone, environ), "get", "both", "--owner", "ann", "-")
    assert result.stdout_bytes == b"first"
    assert run(at(alone, environ), "get", "both", "--owner", "ann", "--part", "p9").exit_code == 1


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_what_exists_is_not_replaced_unless_told(
    alone: Served, environ: dict[str, str], folder: Path, kind: str
) -> None:
    record, path, other = processed_file(alone.core, b"new"), folder / "x", folder / "other"
    other.write_bytes(b"old")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(other)
    else:
        path.write_bytes(b"old")
    result = run(at(alone, environ), "get", record["file_id"], "x")
    assert result.exit_code == 1
    forced = run(at(alone, environ), "get", record["file_id"], "x", "--force")
    assert (forced.exit_code, path.is_fifo()) == ((1, True) if kind == "pipe" else (0, False)), forced.output
    assert other.read_bytes() == b"old"
    assert kind == "pipe" or path.read_bytes() == b"new"


def test_a_file_that_is_not_finished_leaves_nothing(alone: Served, environ: dict[str, str], folder: Path) -> None:
    record = pending_file(alone.core)
    result = run(at(alone, environ), "get", record["file_id"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "wrong_status" in result.stderr
    assert list(folder.iterdir()) == []


def test_an_empty_file_is_a_file(alone: Served, environ: dict[str, str], folder: Path) -> None:
    record = processed_file(alone.core, b"")
    assert run(at(alone, environ), "get", record["file_id"], "x").exit_code == 0
    assert (folder / "x").read_bytes() == b""


def test_a_reader_gets_what_is_shared_with_everybody(alone: Served, environ: dict[str, str], folder: Path) -> None:
    shared, private = processed_file(alone.core, access="unlisted"), processed_file(alone.core)
    client = at(alone, environ) | {"FILES_TOKEN": make_token("bob", SECRETS["FILES_JWT_SECRET"], 60)}
    assert run(client, "get", shared["file_id"], "x").exit_code == 0
    refused = run(client, "get", private["file_id"], "y")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: forbidden: ")


def test_bytes_of_a_draft_that_are_not_the_files_are_an_error_and_removed(
    alone: Served, environ: dict[str, str], folder: Path
) -> None:
    record = processed_file(alone.core, CONTENT, name="clip.bin")
    draft = folder / f".{record['file_id']}.p0.draft"
    draft.write_bytes(b"x" * 1_000)
    result = run(at(alone, environ), "get", record["file_id"])
    assert result.exit_code == 1
    assert "sha256 differs" in result.stderr
    assert list(folder.iterdir()) == []
    draft.write_bytes(CONTENT + b"more")
    assert run(at(alone, environ), "get", record["file_id"]).exit_code == 0
    assert (folder / "clip.bin").read_bytes() == CONTENT


@dataclass
class ShortAnswers:
    """A proxy that ends some answers with bytes of files early; it keeps the heads of the requests for bytes."""

    target: int
    cuts: int
    heads: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        left = None
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            data = client.recv(65_536)
            if data.startswith(b"GET /blobs/"):
                self.heads.append(data.decode())
                if len(self.heads) <= self.cuts:
                    left = 1_000_000
            server.sendall(data)
            # A call sends its body behind its head; the answer comes after both.
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            while data := server.recv(65_536):
                client.sendall(data[:left])
                if left is not None and (left := left - len(data)) <= 0:
                    break
            # The other thread reads from this connection, so closing it alone would not end it.
            for connection in (client, server):
                connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _pass_on(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data)

    @property
    def starts(self) -> list[int]:
        """The first byte that each request asked for."""
        found = [re.search(r"Range: bytes=([0-9]+)-", head) for head in self.heads]
        return [int(each[1]) if each else 0 for each in found]


@contextmanager
def short_answers(folder: Path, cuts: int) -> Iterator[tuple[Served, ShortAnswers, int]]:
    """A gateway behind such a proxy, and the port of the proxy."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with serving(sqlite_core(folder, public_url=f"http://127.0.0.1:{port}")) as served:
            proxy = ShortAnswers(served.port, cuts)
            threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
            yield served, proxy, port


def test_a_lost_connection_is_continued_where_it_ended(tmp_path: Path, environ: dict[str, str], folder: Path) -> None:
    with short_answers(tmp_path, cuts=2) as (served, proxy, port):
        record = processed_file(served.core, CONTENT)
        result = run({**environ, "FILES_HTTP": f"127.0.0.1:{port}"}, "get", record["file_id"], "x")
    assert result.exit_code == 0, result.output
    assert (folder / "x").read_bytes() == CONTENT
    assert len(proxy.starts) == 3
    assert proxy.starts[0] == 0 < proxy.starts[1] < proxy.starts[2]
    assert all(f'If-Match: "{record["parts"][0]["sha256"]}"' in head for head in proxy.heads)


def test_an_interrupted_download_is_continued_by_the_next_command(
    tmp_path: Path, environ: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_FAILURES", 0)
    with short_answers(tmp_path, cuts=1) as (served, proxy, port):
        record = processed_file(served.core, CONTENT)
        client = {**environ, "FILES_HTTP": f"127.0.0.1:{port}"}
        broken = run(client, "get", record["file_id"], "x")
        assert broken.exit_code == 1
        [draft] = folder.iterdir()
        assert draft.name.startswith(".")
        size = draft.stat().st_size
        assert run(client, "get", record["file_id"], "x").exit_code == 0
    assert 0 < size < len(CONTENT)
    assert proxy.starts == [0, size]
    assert (folder / "x").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["x"]
