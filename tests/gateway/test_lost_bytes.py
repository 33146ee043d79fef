"""Bytes that a fault of the disk took: repaired by the next upload of the same bytes, and never served as if whole."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.chunking import CHUNKS
from files_service.gateway.limits import Limits
from files_service.services import content
from files_service.services.content import chunk_slices
from files_service.services.scrub.examination import Loss
from files_service.services.scrub.marks import mark_lost
from files_service.services.scrub.reading import Reason
from tests.contract.blob_scenes import MIB
from tests.cores import call, memory_core, processed_file, sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.gateway.tus import content_of, file_id_of, made, patch

CONTENT = os.urandom(300_000)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path)) as served:
        yield served


def upload(served: Served, content: bytes = CONTENT) -> str:
    url = made(served, len(content))
    assert patch(served, url, 0, content).status == 204
    return url


def chunk_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("content") if CHUNKS in path.parts]


def remove_content(path: Path) -> None:
    path.unlink()


def cut_content(path: Path) -> None:
    os.truncate(path, 1_000)


def remove_description(path: Path) -> None:
    (path.parent / "info.json").unlink()


FAULTS = [remove_content, cut_content, remove_description]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_upload_of_the_same_bytes_repairs_a_chunk(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    first = upload(local)
    [path] = chunk_files(tmp_path)
    fault(path)
    second = upload(local)
    assert content_of(local, second) == CONTENT
    assert content_of(local, first) == CONTENT


def test_a_blob_that_the_store_lost_is_stored_again(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        first = upload(served)
        part = served.core.metadata.get(file_id_of(first)).parts[0]
        for key, _, _ in chunk_slices(served.core, part, 0, part.size):
            served.core.blobs.delete(key)
        assert content_of(served, upload(served)) == CONTENT
        assert content_of(served, first) == CONTENT


def processed(served: Served, content: bytes = CONTENT) -> tuple[str, list[str]]:
    """A file that came in chunks: its id and every address that reads it."""
    url = upload(served, content)
    assert content_of(served, url) == content
    return file_id_of(url), read_at(served, file_id_of(url))


def read_at(served: Served, file_id: str) -> list[str]:
    [signed] = served.result("files.download", file_id=file_id)["urls"]
    return [signed, f"/api/files/{file_id}/download"]


def assert_lost(served: Served, addresses: list[str]) -> None:
    for address in addresses:
        reply = served.request("GET", address, headers=bearer("ann"))
        assert (reply.status, reply.code) == (500, "bytes_lost")


@pytest.mark.parametrize("fault", [remove_content, cut_content])
def test_a_lost_chunk_is_an_error_of_its_own_at_every_door(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    _, addresses = processed(local)
    [path] = chunk_files(tmp_path)
    fault(path)
    assert_lost(local, addresses)
    upload(local)
    for address in addresses:
        assert local.request("GET", address, headers=bearer("ann")).body == CONTENT


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_blob_is_an_error_of_its_own_at_every_door(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    record = processed_file(local.core, CONTENT)
    addresses = read_at(local, record["file_id"])
    [path] = tmp_path.rglob("content")
    fault(path)
    assert_lost(local, addresses)


def test_a_replaced_blob_is_not_served_under_the_old_tag(served: Served) -> None:
    record = processed_file(served.core, CONTENT)
    addresses = read_at(served, record["file_id"])
    key = record["parts"][0]["key"]
    served.core.blobs.delete(key)
    served.core.blobs.put(key, [bytes(len(CONTENT))], content_type="a/b", now=served.core.clock())
    assert_lost(served, addresses)


@pytest.mark.parametrize("socket_thread_bytes", [2**40, 1], ids=["by-loop", "by-thread"])
@pytest.mark.parametrize("fault", [remove_content, cut_content])
def test_bytes_that_run_short_break_the_connection_at_once(
    tmp_path: Path, socket_thread_bytes: int, fault: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As behind the chunks that are looked at before an answer begins.
    monkeypatch.setattr(content, "LOOKED_AT", 1)
    first, second = os.urandom(4 * MIB), os.urandom(4 * MIB)
    with serving(sqlite_core(tmp_path), Limits(socket_thread_bytes=socket_thread_bytes)) as served:
        _, addresses = processed(served, first + second)
        [path] = [path for path in chunk_files(tmp_path) if path.read_bytes() == second]
        fault(path)
        for address in addresses:
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                served.request("GET", address, headers=bearer("ann"))


@pytest.mark.parametrize("fault", [remove_content, cut_content])
def test_a_chunk_that_is_lost_behind_the_first_is_an_error_before_an_answer_begins(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    first, second = os.urandom(4 * MIB), os.urandom(4 * MIB)
    _, addresses = processed(local, first + second)
    [path] = [path for path in chunk_files(tmp_path) if path.read_bytes() == second]
    fault(path)
    assert_lost(local, addresses)
    for address in addresses:
        for method, ranges, status in [
            ("HEAD", "", 500),
            ("GET", f"bytes={4 * MIB - 1}-{5 * MIB}", 500),
            ("GET", f"bytes=0-{4 * MIB - 1}", 206),
        ]:
            headers = bearer("ann") | ({"Range": ranges} if ranges else {})
            reply = local.request(method, address, headers=headers)
            assert reply.status == status
            assert reply.body in (b"", first) or reply.code == "bytes_lost"


def test_head_looks_at_the_first_object_of_a_store_without_files(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        file_id, addresses = processed(served)
        part = served.core.metadata.get(file_id).parts[0]
        [(key, _, _)] = chunk_slices(served.core, part, 0, part.size)
        whole = processed_file(served.core, CONTENT)
        addresses += read_at(served, whole["file_id"])
        for address in addresses:
            assert served.request("HEAD", address, headers=bearer("ann")).status == 200
        served.core.blobs.delete(key)
        served.core.blobs.delete(whole["parts"][0]["key"])
        for address in addresses:
            assert served.request("HEAD", address, headers=bearer("ann")).status == 500


@pytest.mark.parametrize("make", [memory_core, sqlite_core])
def test_a_part_that_is_marked_as_lost_is_an_error_at_every_door(tmp_path: Path, make: Callable[[Path], Core]) -> None:
    with serving(make(tmp_path)) as served:
        file_id, addresses = processed(served)
        record = served.core.metadata.get(file_id)
        addresses.append(f"/download/{file_id}?raw=1")
        call(served.core, "files.access", file_ids=[file_id], access="public")
        assert mark_lost(served.core, record, record.parts[0], Loss(reason=Reason.ROTTEN))
        for address in addresses:
            for method in ("GET", "HEAD"):
                for headers in ({}, {"Range": "bytes=0-0"}):
                    reply = served.request(method, address, headers=bearer("ann") | headers)
                    assert reply.status == 500
        assert_lost(served, addresses[:2])
        assert served.call("files.download", file_id=file_id).code == "bytes_lost"


def test_a_store_without_files_breaks_the_connection_when_bytes_run_short(tmp_path: Path) -> None:
    content = os.urandom(8 * MIB)
    with serving(memory_core(tmp_path)) as served:
        file_id, addresses = processed(served, content)
        part = served.core.metadata.get(file_id).parts[0]
        *_, (last, _, _) = chunk_slices(served.core, part, 0, part.size)
        served.core.blobs.delete(last)
        for address in addresses:
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                served.request("GET", address, headers=bearer("ann"))


@pytest.mark.parametrize("fault", [remove_content, cut_content])
def test_a_deep_comparison_reports_a_file_that_lacks_a_chunk_until_it_is_repaired(
    local: Served, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    url = upload(local)
    assert content_of(local, url) == CONTENT
    assert lost_files(local) == []
    [path] = chunk_files(tmp_path)
    fault(path)
    assert lost_files(local) == [file_id_of(url)]
    upload(local)
    assert lost_files(local) == []


def lost_files(served: Served) -> list[str]:
    """What a deep comparison reports as lost, in as many calls as it takes."""
    lost, cursor = [], None
    for _ in range(100):
        report = served.result("files.sync", deep=True, cursor=cursor)
        lost += report["lost"]
        cursor = report["next_cursor"]
        if cursor is None:
            return lost
    raise AssertionError("the comparison does not end")
