"""How much an owner may begin and bring, whatever is said of sizes: refused with 507 or 413 before more is taken."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from files_service.services.uploads.writer import IN_FLIGHT
from tests.cores import at_once, sqlite_core
from tests.gateway.addresses import declare, put, stored_files
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, Reply, Served, head_of, serving, wait_until
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import BYTES, TUS, checksum, content_of, create, made, offset_of, patch


def put_together(served: Served, *pieces: bytes) -> Reply:
    urls = [made(served, len(piece), **{"Upload-Concat": "partial"}) for piece in pieces]
    for url, piece in zip(urls, pieces, strict=True):
        assert patch(served, url, 0, piece).status == 204
    return served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{' '.join(urls)}"})


def send_in_pieces(served: Served, method: str, path: str, piece: bytes, times: int, headers: dict[str, str]) -> Reply:
    """A body whose size is not told."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=WAIT_SECONDS)) as connection:
        connection.request(method, path, iter([piece] * times), headers, encode_chunked=True)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


def test_the_length_may_be_said_though_the_owner_can_begin_no_other_upload(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path, owner_uploads=1, owner_quota_bytes=6)) as served:
        url = made(served, None)
        assert create(served, 1).status == 507
        assert patch(served, url, 0, b"abc").status == 204
        assert patch(served, url, 3, b"def", **{"Upload-Length": "6"}).status == 204
        assert content_of(served, url) == b"abcdef"
        assert served.request("POST", "/api/files/upload?name=x", b"x", bearer("ann")).status == 507


def test_a_body_of_unknown_size_is_taken_though_it_is_the_last_upload_that_the_owner_can_begin(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path, owner_uploads=1)) as served:
        sent = send_in_pieces(served, "POST", "/api/files/upload?name=x", b"x" * 10, 3, bearer("ann"))
        assert (sent.status, sent.json["size"]) == (201, 30)


def test_bytes_that_are_put_together_count_once_and_their_parts_are_no_unfinished_uploads(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path, owner_uploads=3, owner_quota_bytes=10_000)
    with serving(core) as served:
        for _ in range(10):
            assert put_together(served, b"a" * 300, b"b" * 700).status == 201
        assert core.metadata.usage("ann").total.bytes == 10_000
        refused = create(served, 1)
        assert (refused.status, refused.error["details"]["field"]) == (507, "quota")
        # Parts of complete files are kept for a client that did not hear of it, but not all of them.
        assert len(core.metadata.open_uploads("ann", limit=1_000)) <= 2 * 3  # type: ignore[attr-defined]


def test_parts_may_be_put_together_again_when_the_answer_was_lost(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path)) as served:
        url = made(served, 3, **{"Upload-Concat": "partial"})
        patch(served, url, 0, b"abc")
        said = f"final;{url}"
        for _ in range(2):
            final = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": said})
            assert content_of(served, final.headers["Location"]) == b"abc"


def test_a_final_upload_has_the_length_of_its_parts_as_soon_as_they_know_it(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path)) as served:
        known = made(served, 5, **{"Upload-Concat": "partial"})
        later = made(served, None, **{"Upload-Concat": "partial"})
        said = {**TUS, "Upload-Concat": f"final;{known} {later}"}
        final = served.request("POST", "/tus/", None, said).headers["Location"]
        assert served.request("HEAD", final, headers=TUS).headers["Upload-Length"] is None
        assert patch(served, later, 0, b"", **{"Upload-Length": "7"}).status == 204
        head = served.request("HEAD", final, headers=TUS).headers
        assert (head["Upload-Length"], head["Upload-Offset"]) == ("12", None)


def test_uploads_without_a_size_share_the_quota(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path, owner_quota_bytes=1_000)) as served:
        one, other = made(served, None), made(served, None)
        assert patch(served, one, 0, b"x" * 600).status == 204
        assert patch(served, other, 0, b"x" * 401).status == 507
        assert patch(served, other, 0, b"x" * 400).status == 204
        assert patch(served, one, 600, b"x").status == 507


@pytest.mark.parametrize(("limit", "status"), [("owner_quota_bytes", 507), ("max_part_bytes", 413)])
def test_a_body_that_tells_no_size_is_taken_as_far_as_there_is_room(tmp_path: Path, limit: str, status: int) -> None:
    with serving(sqlite_core(tmp_path, **{limit: 500_000})) as served:
        url = made(served, None)
        refused = send_in_pieces(served, "PATCH", url, b"x" * 100_000, 30, {**BYTES, "Upload-Offset": "0"})
        assert refused.status == status
        assert offset_of(served, url) <= 500_000
        sent = send_in_pieces(served, "POST", "/api/files/upload?name=x", b"x" * 100_000, 30, bearer("bob"))
        assert sent.status == status
        assert served.result("files.count", owner="bob")["total"] == 0


def test_a_slice_far_behind_all_that_may_come_is_refused_where_the_size_is_not_known(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path, max_part_bytes=1_000_000)
    with serving(core) as served:

        async def scene(client: Talk) -> Any:
            manifest = await client.ask(op="start", name="x")
            await client.put(2**50, b"abc")
            return manifest, await client.hear()

        manifest, refused = talk(served.port, scene)
        assert (refused["op"], refused["code"]) == ("error", "too_large")
        assert core.metadata.ranges(manifest["upload_id"]) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("said", [{}, {"Upload-Checksum": checksum(b"x" * 600_000)}])
def test_room_that_others_take_while_bytes_without_a_size_come_is_taken(tmp_path: Path, said: dict[str, str]) -> None:
    """When the request begins there is room for all of it."""
    chunk = 16 * 1024
    core = sqlite_core(tmp_path, owner_quota_bytes=1_000_000, chunk_bytes=chunk)
    piece = b"%x\r\n%b\r\n" % (300_000, b"x" * 300_000)
    with serving(core) as served, served.connect() as slow:
        url, other = made(served, None), made(served, None)
        headers = {**BYTES, **said, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
        slow.sendall(head_of("PATCH", url, headers) + piece)
        wait_until(lambda: served.state.uploads.taken == 1 and (bool(said) or offset_of(served, url) > 200_000))
        assert patch(served, other, 0, b"x" * 600_000).status == 204
        slow.sendall(piece + b"0\r\n\r\n")
        assert slow.recv(1_000).startswith(b"HTTP/1.1 507")
        assert offset_of(served, url) <= 400_000 + (IN_FLIGHT - 1) * chunk


def test_however_many_send_at_once_what_has_no_size_only_the_chunks_of_the_moment_go_beyond_the_quota(
    tmp_path: Path,
) -> None:
    quota, chunk = 1_000_000, 64 * 1024
    with serving(sqlite_core(tmp_path, owner_quota_bytes=quota, chunk_bytes=chunk)) as served:
        urls = [made(served, None) for _ in range(6)]

        def send(index: int) -> int:
            said = {**BYTES, "Upload-Offset": "0"}
            return send_in_pieces(served, "PATCH", urls[index], b"x" * 50_000, 18, said).status

        statuses = at_once(len(urls), send)
        assert statuses.count(507) >= 5
        assert sum(offset_of(served, url) for url in urls) <= quota + (IN_FLIGHT - 1) * chunk


def test_a_full_quota_or_disk_is_told_by_the_methods_that_declare(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path, owner_quota_bytes=1_000)) as served:
        declare(served, 600)
        refused = served.call("files.upload", owner="ann", name="a", parts=[{"size": 401}])
        assert (refused.status, refused.code) == (507, "insufficient_storage")
        assert refused.error["details"] == {"field": "quota", "quota": "owner", "limit": 1_000}
        assert create(served, 401).status == 507, "and counts at the doors"


@pytest.mark.parametrize("size", [3, 3_000_000])
def test_a_disk_that_has_filled_since_the_part_was_declared_is_told_before_a_byte_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    with serving(sqlite_core(tmp_path)) as served:
        part, stored = declare(served, size), declare(served, size)
        assert put(served, stored, b"x" * size).status == 201
        before = stored_files(served)
        floor = served.core.settings.free_disk_bytes
        monkeypatch.setattr(served.core.blobs, "free_bytes", lambda: floor + size - 1)
        with served.connect() as connection:
            target = urlsplit(part["upload"]["url"])
            said = {**part["upload"]["headers"], "Content-Length": str(size), "Expect": "100-continue"}
            connection.sendall(head_of("PUT", f"{target.path}?{target.query}", said))
            answer = connection.recv(4_000)
        assert answer.startswith(b"HTTP/1.1 507"), answer
        assert b'"disk"' in answer
        assert stored_files(served) == before
        assert put(served, stored, b"x" * size).status == 200, "what is there needs no room"
        monkeypatch.undo()
        assert put(served, part, b"x" * size).status == 201
