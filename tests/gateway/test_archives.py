"""Archives over HTTP: whole, in ranges, gone on with, and never with bytes that may not be read or are others."""

from __future__ import annotations

import base64
import http.client
import io
import json
import random
import secrets
import socket
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service.errors import NotFound
from files_service.gateway.limits import Limits
from files_service.services import content
from files_service.services.archives.manifests import MOST_ARCHIVES, find_archive
from files_service.services.archives.selection import MOST_FILES
from files_service.services.files import change
from files_service.services.opening import open_core
from tests.cores import at, call, memory_core, processed_file, settings_for, sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, Reply, Served, head_of, serving

JSON = {"Content-Type": "application/json"}
CONTENTS = {"a.txt": b"abc", "empty": b"", "ü/b.bin": random.Random(3).randbytes(1_500_000), "A.TXT": b"other"}
NAMES = ["a.txt", "empty", "ü_b.bin", "A (2).TXT"]


def stored(served: Served, name: str, content: bytes, owner: str = "ann") -> str:
    reply = served.request("POST", "/api/files/upload?name=x", content, bearer(owner))
    file_id: str = reply.json["file_id"]
    call(served.core, "files.update", file_id=file_id, changes={"name": name})
    call(served.core, "files.process", file_id=file_id)
    return file_id


@pytest.fixture(scope="module")
def files(gateway: Served, memory_gateway: Served) -> Callable[[Served], list[str]]:
    """The ids of files with these contents."""
    ids = {id(each): [stored(each, *pair) for pair in CONTENTS.items()] for each in (gateway, memory_gateway)}
    return lambda served: ids[id(served)]


def make(served: Served, file_ids: list[str], owner: str = "ann", **given: Any) -> Reply:
    body = json.dumps({"file_ids": file_ids, **given}).encode()
    return served.request("POST", "/api/archives", body, {**JSON, **bearer(owner)})


def get(served: Served, url: str, method: str = "GET", owner: str = "ann", **headers: str) -> Reply:
    return served.request(method, url, None, {**bearer(owner), **headers})


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {each.filename: archive.read(each) for each in archive.infolist()}


def forget_checksums(served: Served, file_id: str) -> None:
    """Leave a file as an earlier release has stored it."""
    change(
        served.core,
        file_id,
        lambda found: replace(found, parts=tuple(replace(part, crc32=None) for part in found.parts)),
    )


def test_an_archive_has_the_files_under_clean_names(served: Served, files: Callable[[Served], list[str]]) -> None:
    made = make(served, files(served), name="Träume.zip")
    assert (made.status, made.json["resumable"], made.json["entries"]) == (201, True, 4)
    assert made.headers["Location"] == made.json["url"]
    reply = get(served, made.json["url"])
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/zip")
    assert int(reply.headers["Content-Length"]) == made.json["size"] == len(reply.body)
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert "attachment" in reply.headers["Content-Disposition"]
    assert "Tr%C3%A4ume.zip" in reply.headers["Content-Disposition"]
    assert opened(reply.body) == dict(zip(NAMES, CONTENTS.values(), strict=True))
    again = make(served, files(served), name="Träume.zip")
    assert again.json["archive_id"] == made.json["archive_id"]


def test_folders_without_files_are_in_an_archive_of_any_range(served: Served) -> None:
    owner = f"zoe{served.port}"
    file_id = stored(served, "a.txt", b"0123456789", owner)
    call(served.core, "files.move", file_id=file_id, path="trip/a.txt")
    for path in ("trip/leer/für immer", "trip/b"):
        call(served.core, "folders.create", owner=owner, path=path)
    body = json.dumps({"folder": "trip", "name": "trip.zip"}).encode()
    made = served.request("POST", "/api/archives", body, {**JSON, **bearer(owner)}).json
    whole = get(served, made["url"], owner=owner).body
    assert made["size"] == len(whole)
    assert opened(whole) == {"a.txt": b"0123456789", "b/": b"", "leer/für immer/": b""}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert [each.is_dir() for each in archive.infolist()] == [False, True, True]
    for first in range(len(whole)):
        assert get(served, made["url"], owner=owner, Range=f"bytes={first}-").body == whole[first:]
    body = json.dumps({"folder": "trip/b"}).encode()
    made = served.request("POST", "/api/archives", body, {**JSON, **bearer(owner)}).json
    assert opened(get(served, made["url"], owner=owner).body) == {}


def test_every_range_is_that_of_the_whole(served: Served, files: Callable[[Served], list[str]]) -> None:
    url = make(served, files(served)).json["url"]
    whole = get(served, url)
    size, chance = len(whole.body), random.Random(5)
    cuts = [(0, 0), (0, size - 1), (size - 1, size - 1), (40, size - 200_000)]
    cuts += [(start, chance.randrange(start, size)) for start in (chance.randrange(size) for _ in range(20))]
    for first, last in cuts:
        reply = get(served, url, Range=f"bytes={first}-{last}", **{"If-Range": whole.headers["ETag"]})
        assert (reply.status, reply.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{size}")
        assert reply.body == whole.body[first : last + 1]
    assert get(served, url, Range="bytes=-100").body == whole.body[-100:]
    assert get(served, url, Range=f"bytes={size}-").status == 416
    assert get(served, url, Range="bytes=0-1", **{"If-Range": '"another"'}).body == whole.body
    assert get(served, url, Range="bytes=0-1,5-6").body == whole.body
    head = get(served, url, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.headers["ETag"]) == (
        200,
        str(size),
        whole.headers["ETag"],
    )
    assert get(served, url, **{"If-None-Match": whole.headers["ETag"]}).status == 304
    assert get(served, url, **{"If-Match": '"another"'}).status == 412


def test_a_download_that_broke_off_is_gone_on_with(served: Served, files: Callable[[Served], list[str]]) -> None:
    url = make(served, files(served)).json["url"]
    whole = get(served, url).body
    with served.connect() as connection:
        connection.sendall(head_of("GET", urlsplit(url).path, bearer("ann")))
        head, _, first = connection.recv(300_000, socket.MSG_WAITALL).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    rest = get(served, url, Range=f"bytes={len(first)}-")
    assert (rest.status, first + rest.body == whole) == (206, True)


def test_without_a_checksum_it_comes_whole_and_says_so(tmp_path: Path) -> None:
    for core in (memory_core(tmp_path / "memory"), sqlite_core(tmp_path / "disk")):
        with serving(core) as served:
            file_ids = [stored(served, *pair) for pair in CONTENTS.items()]
            forget_checksums(served, file_ids[2])
            made = make(served, file_ids)
            assert made.json["resumable"] is False
            reply = get(served, made.json["url"], Range="bytes=5-")
            assert (reply.status, reply.headers["Accept-Ranges"]) == (200, "none")
            assert len(reply.body) == made.json["size"]
            assert opened(reply.body) == dict(zip(NAMES, CONTENTS.values(), strict=True))


@pytest.mark.parametrize("thread_bytes", [1, 2**40], ids=["by-thread", "by-loop"])
def test_encrypted_files_are_archived_as_they_are_read(tmp_path: Path, thread_bytes: int) -> None:
    keys = f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    with serving(core, Limits(socket_thread_bytes=thread_bytes)) as served:
        url = make(served, [stored(served, *pair) for pair in CONTENTS.items()]).json["url"]
        whole = get(served, url).body
        assert opened(whole) == dict(zip(NAMES, CONTENTS.values(), strict=True))
        assert get(served, url, Range="bytes=1000-900000").body == whole[1_000:900_001]


def test_an_archive_is_its_makers_alone(served: Served, files: Callable[[Served], list[str]]) -> None:
    url = make(served, files(served)).json["url"]
    unknown = get(served, f"{url[:-4]}0000")
    foreign = get(served, url, owner="bob")
    assert (foreign.status, foreign.code) == (unknown.status, unknown.code) == (404, "not_found")
    assert served.request("GET", url).status == 401
    trusted = served.request("GET", url, None, {"Authorization": f"Bearer {RPC_TOKEN}"})
    assert trusted.status == 200


def test_a_file_that_may_not_be_read_is_named_and_nothing_is_made(
    served: Served, files: Callable[[Served], list[str]]
) -> None:
    bobs, missing = stored(served, "b", b"b", "bob"), "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for file_id in (bobs, missing):
        refused = make(served, [*files(served), file_id])
        assert (refused.status, refused.error["details"]) == (404, {"file_id": file_id})
    pending = served.result("files.upload", owner="ann", name="a", parts=[{"size": 1}])["file_id"]
    refused = make(served, [pending])
    assert (refused.status, refused.error["details"]["file_id"]) == (412, pending)
    assert make(served, []).fields == ["file_ids"]
    assert make(served, files(served), actor="bob").fields == ["actor"]
    assert served.request("POST", "/api/archives", b"{}", JSON).status == 401


def test_what_was_taken_away_ends_the_archive_and_is_not_sent(served: Served) -> None:
    mine, bobs = stored(served, "a", b"a" * 1_200_000), stored(served, "b", b"secret" * 200_000, "bob")
    served.result("files.update", file_id=bobs, changes={"grantees": ["ann"]})
    served.result("files.access", file_ids=[bobs], access="shared")
    url = make(served, [mine, bobs]).json["url"]
    whole = get(served, url)
    assert opened(whole.body) == {"a": b"a" * 1_200_000, "b": b"secret" * 200_000}
    served.result("files.access", file_ids=[bobs], access="private")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as broken:
        get(served, url)
    if isinstance(broken.value, http.client.IncompleteRead):
        assert b"secret" not in broken.value.partial
    inside = whole.body.index(b"secret") + 5
    assert get(served, url, Range=f"bytes={inside}-").status == 404
    # The rest does not depend on the file.
    assert get(served, url, Range="bytes=0-1000").body == whole.body[:1_001]
    assert get(served, url, Range="bytes=-50").body == whole.body[-50:]


def test_other_bytes_in_the_place_of_a_file_are_not_sent(served: Served) -> None:
    file_id = stored(served, "a", b"first")
    url = make(served, [file_id]).json["url"]
    part = served.core.metadata.get(file_id).parts[0]
    change(served.core, file_id, lambda found: replace(found, parts=(replace(part, sha256="0" * 64),)))
    reply = get(served, url)
    assert (reply.status, reply.code) == (410, "gone")
    served.result("files.remove", file_id=file_id)
    assert get(served, url).status == 404


def test_lost_bytes_are_reported_before_an_answer_or_break_it(gateway: Served) -> None:
    file_ids = [stored(gateway, "a", b"a" * 3_000), stored(gateway, "b", b"b" * 70_000)]
    url = make(gateway, file_ids).json["url"]
    part = gateway.core.metadata.get(file_ids[1]).parts[0]
    [path] = [each for each, _, _ in content.files(gateway.core, part, offset=0, length=1) or ()]
    path.write_bytes(b"b" * 69_999)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        get(gateway, url)
    reply = get(gateway, url, Range="bytes=3500-")
    assert (reply.status, reply.code) == (500, "bytes_lost")


def test_a_selection_longer_than_a_document(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        parent = served.core.metadata.get(stored(served, "photo.jpg", b"jpg"))
        file_ids = []
        for _ in range(2_000):
            copied = replace(parent, file_id=served.core.new_id(), revision=0, name=f"{'x' * 150}.jpg")
            served.core.metadata.save(copied, expected_revision=0, changed_at=1, event=None)
            file_ids.append(copied.file_id)
        made = make(served, file_ids)
        assert (made.status, made.json["entries"]) == (201, 2_000)
        whole = get(served, made.json["url"]).body
        assert len(opened(whole)) == 2_000
        assert get(served, made.json["url"], Range="bytes=-300000").body == whole[-300_000:]
        assert make(served, [parent.file_id] * MOST_FILES).json["entries"] == 1
        assert make(served, [parent.file_id] * (MOST_FILES + 1)).fields == ["file_ids"]


def test_manifests_end_and_are_bounded(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    with serving(core) as served:
        file_id = stored(served, "a", b"a")
        urls = [make(served, [file_id], name=f"{number}.zip").json["url"] for number in range(MOST_ARCHIVES + 2)]
        assert [get(served, url).status for url in urls[:3]] == [404, 404, 200]
        assert make(served, [file_id], "bob").status == 404
    made = call(core := memory_core(tmp_path / "2"), "files.archive", file_ids=[processed_file(core)["file_id"]])
    assert find_archive(core, None, made["archive_id"]).items
    with pytest.raises(NotFound):
        find_archive(at(core, made["expires_at"]), None, made["archive_id"])
