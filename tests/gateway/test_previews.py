"""Previews over HTTP: who reads them, for how long they are kept, and what visitors of shares see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from files_service.services.files import change
from files_service.services.media.derivation import store_previews
from tests.cores import call, processed_file
from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.media import samples

ANN, BOB = bearer("ann"), bearer("bob")
POSTER, SMALL = b"RIFF....WEBPposter", b"RIFF....WEBPsmall"


@pytest.fixture
def file_id(served: Served) -> str:
    """A private clip with previews."""
    parts = [{"size": 7, "content_type": "video/mp4"}]
    file_id: str = processed_file(served.core, b"content", name="clip.mp4", parts=parts)["file_id"]
    pictures = {"poster": POSTER, "thumbnail-256": SMALL}
    derived = store_previews(served.core, served.core.metadata.get(file_id), pictures)
    change(served.core, file_id, lambda before: replace(before, derived=derived, captured_at=5, media={"width": 4}))
    return file_id


def part_id(served: Served, file_id: str, kind: str) -> str:
    derived: list[dict[str, Any]] = served.request("GET", f"/api/files/{file_id}", headers=ANN).json["derived"]
    return str(next(each["part_id"] for each in derived if each["kind"] == kind))


def test_the_owner_reads_a_preview_and_others_do_not(served: Served, file_id: str) -> None:
    address = f"/api/files/{file_id}/preview/poster"
    reply = served.request("GET", address, headers=ANN)
    assert (reply.status, reply.body) == (200, POSTER)
    assert reply.headers["Content-Type"] == "image/webp"
    assert reply.headers["Cache-Control"] == "private, max-age=60"
    assert served.request("GET", address, headers={**ANN, "If-None-Match": reply.headers["ETag"]}).status == 304
    assert served.request("GET", address, headers=BOB).status == 403
    assert served.request("GET", address).status == 401


def test_an_address_with_the_id_of_the_part_is_kept_for_long(served: Served, file_id: str) -> None:
    poster = part_id(served, file_id, "poster")
    reply = served.request("GET", f"/api/files/{file_id}/preview/poster?part={poster}", headers=ANN)
    assert reply.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    small = part_id(served, file_id, "thumbnail-256")
    assert served.request("GET", f"/api/files/{file_id}/preview/poster?part={small}", headers=ANN).status == 404


def test_a_kind_that_is_not_there_is_the_nearest_or_none(served: Served, file_id: str) -> None:
    assert served.request("GET", f"/api/files/{file_id}/preview/thumbnail-1600", headers=ANN).body == POSTER
    for kind in ("hover", "nonsense"):
        reply = served.request("GET", f"/api/files/{file_id}/preview/{kind}", headers=ANN)
        assert (reply.status, reply.code) == (404, "not_found")


def test_a_download_takes_the_id_and_the_kind(served: Served, file_id: str) -> None:
    for name in ("poster", part_id(served, file_id, "poster")):
        reply = served.request("GET", f"/api/files/{file_id}/download?part={name}&inline=1", headers=ANN)
        assert (reply.status, reply.body) == (200, POSTER)
        [url] = call(served.core, "files.download", file_id=file_id, parts=[name])["urls"]
        assert served.request("GET", "/blobs/" + url.partition("/blobs/")[2]).body == POSTER


def test_a_preview_takes_no_bytes(served: Served, file_id: str) -> None:
    poster = part_id(served, file_id, "poster")
    reply = served.request(
        "POST", "/rpc/files.finish", b'{"file_id": "%s", "part_id": "%s"}' % (file_id.encode(), poster.encode()),
        {"Authorization": f"Bearer {served.core.settings.rpc_token}", "Content-Type": "application/json"},
    )  # fmt: skip
    assert (reply.status, reply.code) == (404, "not_found")


def test_a_visitor_of_a_counted_link_sees_the_preview_and_nothing_of_the_place(served: Served, file_id: str) -> None:
    share = call(served.core, "shares.create", owner="ann", items=[file_id], max_downloads=1)
    address = f"/s/{share['url'].rpartition('/')[2]}"
    page = served.request("GET", address, headers={"Accept": "text/html"})
    assert part_id(served, file_id, "poster") in page.body.decode()
    shown = served.request("GET", address, headers={"Accept": "application/json"})
    assert set(shown.json["files"][0]["previews"]) == {"poster", "thumbnail-256"}
    assert "captured" not in shown.body.decode()
    for _ in range(3):
        assert served.request("GET", f"{address}/files/{file_id}?part=poster&inline=1").body == POSTER
    assert served.request("GET", f"{address}/files/{file_id}?inline=1").status == 403


def test_a_clip_that_visitors_may_read_is_played_on_the_page(served: Served, file_id: str) -> None:
    share = call(served.core, "shares.create", owner="ann", items=[file_id])
    page = served.request("GET", f"/s/{share['url'].rpartition('/')[2]}", headers={"Accept": "text/html"})
    assert b"<video" in page.body


def test_a_preview_in_the_trash_is_gone(served: Served, file_id: str) -> None:
    call(served.core, "files.trash", file_id=file_id, actor="ann")
    assert served.request("GET", f"/api/files/{file_id}/preview/poster", headers=ANN).status == 410


def test_strangers_read_the_previews_of_a_public_file(served: Served, file_id: str) -> None:
    call(served.core, "files.access", file_ids=[file_id], access="public")
    reply = served.request("GET", f"/api/files/{file_id}/preview/poster")
    assert (reply.status, reply.body) == (200, POSTER)
    assert reply.headers["Cache-Control"] == "public, max-age=60"
    record = served.request("GET", f"/api/files/{file_id}").json
    assert set(record["derived"][0]) == {"kind", "part_id", "type", "content_type", "size"}


def test_a_lost_preview_is_an_error_of_its_own_and_the_file_stays_whole(served: Served, file_id: str) -> None:
    poster = next(each for each in served.core.metadata.get(file_id).derived if each.type == "poster")
    served.core.blobs.delete(poster.key)
    assert served.request("GET", f"/api/files/{file_id}/preview/poster", headers=ANN).code == "bytes_lost"
    assert served.request("GET", f"/api/files/{file_id}/download", headers=ANN).body == b"content"


def test_a_picture_that_arrives_by_http_gets_its_previews(served: Served) -> None:
    core = replace(served.core, settings=replace(served.core.settings, media=True))
    reply = served.request(
        "POST", "/api/files/upload?name=p.jpg", samples.jpeg(), {**ANN, "Content-Type": "image/jpeg"}
    )
    file_id = reply.json["file_id"]
    call(core, "files.process", file_id=file_id, force=True)
    found = served.request("GET", f"/api/files/{file_id}/preview/thumbnail-256", headers=ANN)
    assert found.body[8:12] == b"WEBP"
