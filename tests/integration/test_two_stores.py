"""``files up`` with metadata in Redis and lists from CouchDB, as people use it: real servers, a real syncer."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import open_metadata_store
from tests.integration.test_up import Up, alive, children, eventually, request
from tests.servers.commands import run_command
from tests.servers.couchdb import CouchServer
from tests.servers.redis import RedisServer, raw

SIZE = 8_000_000
# A slow machine is no list store that is too slow.
PATIENCE = {"FILES_LIST_TIMEOUT_MS": "20000"}


@pytest.fixture
def urls(own_redis: RedisServer, own_couchdb: CouchServer) -> dict[str, str]:
    return {"FILES_METADATA_URL": own_redis.url, "FILES_LIST_URL": f"{own_couchdb.url}/lists", **PATIENCE}


@pytest.fixture
def up(tmp_path: Path, urls: dict[str, str]) -> Iterator[Up]:
    with Up(tmp_path, **urls) as up:
        up.start()
        yield up


def curl(*arguments: str) -> str:
    return subprocess.run(
        ["curl", "-fsS", "--max-time", "60", *arguments], check=True, capture_output=True, text=True
    ).stdout


def listed(up: Up, **params: Any) -> Any:
    return up.call("files.list", owner="ann", **params)


def parts(up: Up) -> Any:
    return json.loads(request("GET", f"{up.url}/readyz")[1])["parts"]


def pending(up: Up) -> Any:
    return up.call("files.upload", owner="ann", name="a", parts=[{"size": 5}])


def test_a_file_is_taken_processed_listed_by_couchdb_and_given_back(up: Up, tmp_path: Path) -> None:
    content = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(SIZE)
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    declared = [{"size": len(content), "content_type": "video/mp4", "sha256": hashlib.sha256(content).hexdigest()}]
    file = up.files("call", "files.upload", "owner=ann", "name=clip.mp4", f"parts={json.dumps(declared)}")
    upload = file["parts"][0]["upload"]
    headers = [word for name, value in upload["headers"].items() for word in ("-H", f"{name}: {value}")]
    curl("-T", str(path), *headers, upload["url"])
    found: Any = {}

    def processed() -> bool:
        found.update(up.call("files.info", file_id=file["file_id"]))
        return bool(found["status"] == "processed")

    eventually(processed)

    def served_by_couchdb() -> bool:
        page = listed(up, min_change=found["change_token"])
        assert [each["status"] for each in page["files"]] == ["processed"], "the answer must include the write"
        return bool(page["served_by"] == "couchdb")

    eventually(served_by_couchdb)
    page = up.files("call", "files.list", "owner=ann", f"min_change={found['change_token']}")
    assert [each["file_id"] for each in page["files"]] == [file["file_id"]]
    for method in ("files.count", "files.report"):
        answer = up.call(method, owner="ann", min_change=found["change_token"])
        assert (answer["total"], answer["served_by"]) == (1, "couchdb")
    [url] = up.files("call", "files.download", f"file_id={file['file_id']}")["urls"]
    copy = tmp_path / "copy.mp4"
    curl("-o", str(copy), url)
    assert copy.read_bytes() == content
    eventually(lambda: all(part["ok"] for part in parts(up).values()))
    assert {"metadata", "blobs", "lists", "worker", "syncer", "gateway"} <= set(parts(up))
    done = run_command([sys.executable, "-m", "files_service.cli", "doctor", "--json"], environ=up.environ)
    lines = {line["part"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["lists"]["ok"], lines


def test_the_syncer_is_a_child_that_is_started_again_and_ends_with_the_service(up: Up) -> None:
    eventually(lambda: bool(children(up.pid)))
    [first] = children(up.pid)
    command = Path(f"/proc/{first}/cmdline")
    eventually(lambda: command.read_bytes().split(b"\0")[1:-1] == [b"-m", b"syncer", b"run"])
    assert b"admin" not in command.read_bytes()
    os.kill(first, signal.SIGKILL)
    token = pending(up)["change_token"]
    eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
    [second] = children(up.pid)
    assert second != first
    assert up.end(signal.SIGTERM) == 0
    assert not alive(second)
    assert "admin:admin" not in up.log


def test_lists_are_switched_to_the_primary_and_back_while_the_syncer_goes_on(
    tmp_path: Path, urls: dict[str, str]
) -> None:
    with Up(tmp_path, **urls) as up:
        up.start()
        token = pending(up)["change_token"]
        eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
        up.end(signal.SIGTERM)
        up.environ["FILES_LIST_READS"] = "false"
        up.start()
        assert listed(up)["served_by"] == "redis"
        assert "lists" not in parts(up)
        token = pending(up)["change_token"]
        up.environ["FILES_LIST_READS"] = "true"
        up.end(signal.SIGTERM)
        up.start()
        eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
        up.environ["FILES_LIST_WRITES"] = "false"
        up.end(signal.SIGTERM)
        up.start()
        assert "syncer" not in parts(up)
        assert children(up.pid) == []
        # What was copied is served; what was not comes from the primary.
        eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
        token = pending(up)["change_token"]
        page = listed(up, min_change=token)
        assert (page["served_by"], len(page["files"])) == ("redis", 3)


def test_the_service_starts_without_the_list_store_and_finds_it_later(
    up: Up, urls: dict[str, str], own_couchdb: CouchServer
) -> None:
    token = pending(up)["change_token"]
    eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
    up.end(signal.SIGTERM)
    own_couchdb.kill()
    up.start()
    token = pending(up)["change_token"]
    page = listed(up)
    assert (page["served_by"], len(page["files"])) == ("redis", 2)
    eventually(lambda: not parts(up)["lists"]["ok"])
    own_couchdb.start()
    eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
    eventually(lambda: parts(up)["lists"]["ok"])


def test_a_redis_that_was_emptied_leaves_the_list_store_and_is_told_everywhere(
    up: Up, urls: dict[str, str], own_redis: RedisServer
) -> None:
    token = pending(up)["change_token"]
    eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
    with raw(own_redis.url) as client:
        client.flushall()
    eventually(lambda: "the syncer stopped" in up.log)
    assert listed(up)["served_by"] == "redis"
    eventually(lambda: not parts(up)["metadata"]["ok"])
    eventually(lambda: "emptied" in parts(up)["lists"].get("error", ""))
    with closing(open_metadata_store(urls["FILES_LIST_URL"])) as copy:
        assert copy.usage(None).total.files == 1
    done = run_command([sys.executable, "-m", "files_service.cli", "doctor", "--json"], environ=up.environ)
    lines = {line["part"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert "--accept-empty-source" in lines["lists"]["advice"]
    assert (lines["metadata"]["ok"], "it was emptied" in lines["metadata"]["text"]) == (False, True)


def test_a_list_store_that_was_made_anew_is_filled_before_it_answers(
    up: Up, urls: dict[str, str], own_couchdb: CouchServer
) -> None:
    token = pending(up)["change_token"]
    eventually(lambda: listed(up, min_change=token)["served_by"] == "couchdb")
    up.end(signal.SIGTERM)
    host = own_couchdb.url.replace("couchdb://", "http://")
    for name in ("", "_state", "_feed", "_uploads", "_documents"):
        curl("-X", "DELETE", f"{host}/lists{name}")
    open_metadata_store(urls["FILES_LIST_URL"]).close()
    up.environ["FILES_LIST_WRITES"] = "false"
    up.start()
    page = listed(up, min_change=token)
    assert (page["served_by"], len(page["files"])) == ("redis", 1)
    page = listed(up)
    assert (page["served_by"], len(page["files"])) == ("redis", 1)
    eventually(lambda: not parts(up)["lists"]["ok"])
    up.environ["FILES_LIST_WRITES"] = "true"
    up.end(signal.SIGTERM)
    up.start()
    eventually(lambda: listed(up)["served_by"] == "couchdb")
    assert len(listed(up)["files"]) == 1
    eventually(lambda: parts(up)["lists"]["ok"])
