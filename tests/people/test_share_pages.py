"""What the page of a link tells: to services that preview links, to its owner, and of its files."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from tests.cores import call, processed_file, with_preview
from tests.gateway.serving import Served, serving
from tests.media.samples import exif_of, jpeg, two_halves
from tests.people.links import PASSWORD, Visitor, share, stored, stored_at
from tests.people.persons import Person, open_people, register

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def previewed(visitor: Visitor) -> dict[str, str]:
    """What a service that previews links reads."""
    page = visitor.get().body.decode()
    return dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', page))


def test_previews_of_links_tell_title_kind_and_count_of_open_links_alone(served: Served, ann: Person) -> None:
    first, second = stored(ann, "secret-name.txt"), stored(ann, "b.txt")
    stored_at(ann, "trip/a.txt")
    site = {"site_name": "Files"}
    made = share(ann, first, second, title='Trip "1"')
    shown = {**site, "type": "website", "title": "Trip &#34;1&#34;", "description": "2 files"}
    assert previewed(Visitor(served, made["url"])) == shown
    kinds = [share(ann, first), share(ann, path="trip"), share(ann, kind="drop", path="trip")]
    said = [previewed(Visitor(served, each["url"]))["description"] for each in kinds]
    assert said == ["1 file", "A shared folder", "Upload files"]
    locked = share(ann, first, title="Trip", password=PASSWORD)
    assert previewed(Visitor(served, locked["url"])) == site
    assert ann.delete(f"/api/shares/{made['share_id']}").status == 200
    assert previewed(Visitor(served, made["url"])) == site
    assert previewed(Visitor(served, f"/s/{'A' * 22}")) == site


def cover_of(visitor: Visitor) -> str:
    """The address of the picture that the page names, below the link; "" without one."""
    return unescape(previewed(visitor).get("image", "")).partition(visitor.path)[2]


def test_previews_of_open_links_show_a_picture_and_those_of_others_none(served: Served, ann: Person) -> None:
    file_id = stored_at(ann, "trip/day/a.txt")
    bare = Visitor(served, share(ann, file_id)["url"])
    assert (cover_of(bare), bare.get("/cover").status) == ("", 404)
    # Without the libraries, the preview is given as it is.
    with_preview(served.core, file_id, poster=b"RIFF....WEBP")
    made = share(ann, file_id)
    visitor, picture = Visitor(served, made["url"]), "/cover"
    assert cover_of(visitor) == picture
    folder = Visitor(served, share(ann, path="trip/day")["url"])
    assert (cover_of(folder), folder.get(picture).status) == (picture, 200)
    # That of a folder below is not the picture of the link.
    above = Visitor(served, share(ann, path="trip")["url"])
    assert (cover_of(above), above.get(picture).status) == ("", 404)
    assert b"og:image" not in above.get("?path=day").body
    assert Visitor(served, share(ann, kind="drop", path="trip/day")["url"]).get(picture).status == 404
    reply = visitor.get(picture)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"RIFF....WEBP", "image/webp")
    assert ann.get(f"/api/shares/{made['share_id']}").json["used"] == 0
    for more in ({"password": PASSWORD}, {"max_downloads": 3}):
        closed = Visitor(served, share(ann, file_id, **more)["url"])
        assert cover_of(closed) == ""
        assert closed.get(picture).status == (401 if "password" in more else 404)
        if "password" in more:
            closed.unlock()
            assert closed.get(picture).status == 404
    assert ann.delete(f"/api/shares/{made['share_id']}").status == 200
    assert visitor.get(picture).status == 410


@pytest.mark.parametrize("size", [(1600, 1200), (300, 900)], ids=["large", "small and upright"])
def test_the_picture_of_a_link_has_its_size_and_no_exif(tmp_path: Path, size: tuple[int, int]) -> None:
    with serving(open_people(tmp_path, media=True)) as served:
        ann = register(served)
        exif = exif_of(taken="2026:07:01 12:00:00", gps=("12:00:00", (12.0, 0.0, 0.0)))
        picture = jpeg(two_halves(*size), exif=exif)
        visitor = Visitor(served, share(ann, stored(ann, "a.jpg", picture, content_type="image/jpeg"))["url"])
        address = cover_of(visitor)
        with Image.open(io.BytesIO(visitor.get(address).body)) as shown:
            assert (shown.format, shown.size, dict(shown.getexif())) == ("WEBP", (1200, 630), {})
            sides = [shown.convert("RGB").getpixel((x, 315)) for x in (100, 1100)]
        assert [max(range(3), key=side.__getitem__) for side in sides if isinstance(side, tuple)] == [0, 2]


def test_the_owner_alone_sees_the_code_of_the_link(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann))
    assert b"QR code" in Visitor(served, made["url"], {"files_session": ann.token}).get().body
    assert b"QR code" not in Visitor(served, made["url"]).get().body
    assert b"QR code" not in Visitor(served, made["url"], {"files_session": register(served, "bob").token}).get().body


def test_description_and_tags_are_shown_only_when_the_owner_says_so(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    changes = {"meta": {"description": "At <b>granny</b>"}, "tags": ["private-life"]}
    assert ann.call("files.update", file_id=file_id, changes=changes).status == 200
    made = share(ann, file_id)
    visitor = Visitor(served, made["url"])
    for reply in (visitor.get(), visitor.json()):
        assert b"granny" not in reply.body
        assert b"private-life" not in reply.body
    assert ann.call("shares.update", share_id=made["share_id"], changes={"show_metadata": True}).status == 200
    [file] = visitor.json().json["files"]
    assert (file["description"], file["tags"]) == ("At <b>granny</b>", ["private-life"])
    assert b"At &lt;b&gt;granny&lt;/b&gt;" in visitor.get().body
    assert b"private-life" in visitor.get().body


def test_limited_links_show_what_was_made_to_be_looked_at_and_nothing_else(served: Served) -> None:
    sizes = {"file": len(PNG + b"all of it"), "thumbnail": len(PNG)}
    parts = [{"type": name, "content_type": "image/png", "size": size} for name, size in sizes.items()]
    record = processed_file(served.core, PNG + b"all of it", PNG, owner="me", name="a.png", parts=parts)
    file_id, (whole, small) = record["file_id"], record["parts"]
    made = call(served.core, "shares.create", owner="me", items=[file_id], max_downloads=1)
    visitor = Visitor(served, made["url"])
    path = f"/files/{file_id}?inline=1"
    assert f"{path}&amp;part={small['part_id']}".encode() in visitor.get().body
    assert visitor.get(f"{path}&part={small['part_id']}").body == PNG
    refused = [
        visitor.get(path),
        visitor.get(f"{path}&part={whole['part_id']}"),
        visitor.get(f"/files/{file_id}?part={small['part_id']}"),
        visitor.bytes_of(file_id),
    ]
    assert [reply.status for reply in refused] == [403] * 4
    assert call(served.core, "shares.info", share_id=made["share_id"])["used"] == 0
    # One button: what was made of the file is no download of its own.
    assert visitor.get().body.count(b'action="') == 1
    assert visitor.download(file_id).body == PNG + b"all of it"


def test_a_film_has_its_poster_and_is_read_in_ranges(served: Served, ann: Person) -> None:
    file_id = stored(ann, "film.mp4", b"0123456789", content_type="video/mp4")
    with_preview(served.core, file_id, poster=b"RIFF....WEBP")
    visitor = Visitor(served, share(ann, file_id)["url"])
    page = visitor.get().body.decode()
    [film] = re.findall(r'<video [^>]*src="([^"]*)" poster="([^"]*)" controls preload="metadata"', page)
    whole, poster = (unescape(each).partition(visitor.path)[2] for each in film)
    assert visitor.get(poster).body == b"RIFF....WEBP"
    ranged = visitor.get(whole, Range="bytes=2-4")
    assert (ranged.status, ranged.body) == (206, b"234")


def test_the_page_says_its_limits_in_words(served: Served, ann: Person) -> None:
    file_id, until = stored(ann), served.core.clock() + 86_400_000
    visitor = Visitor(served, share(ann, file_id, max_downloads=2, expires_at=until, message="For <you>")["url"])
    page = visitor.get().body.decode()
    assert re.search(r'Open until <time datetime="[0-9TZ:-]+">', page)
    assert "2 downloads left" in page
    assert '<blockquote class="message">For &lt;you&gt;</blockquote>' in page
    assert Visitor(served, visitor.link).download(file_id).status == 200
    assert "1 download left" in visitor.get().body.decode()
    drop = share(ann, kind="drop", max_files=3, max_bytes=5_000_000, max_files_per_address=2)
    said = Visitor(served, drop["url"]).get().body.decode()
    for sentence in ("At most 3 files in all.", "At most 5.0 MB in all.", "At most 2 a day from one place."):
        assert f"<li>{sentence}</li>" in said


def test_a_page_of_a_link_that_ended_says_why(served: Served, ann: Person) -> None:
    file_id, other = stored(ann), stored(ann, "b.txt")
    used = Visitor(served, share(ann, file_id, max_downloads=1)["url"])
    assert Visitor(served, used.link).download(file_id).status == 200
    assert b"All downloads are used up" in used.get().body
    made = share(ann, file_id, other)
    visitor = Visitor(served, made["url"])
    assert ann.call("shares.update", share_id=made["share_id"], changes={"state": "paused"}).status == 200
    assert b"This link is paused" in visitor.get().body
    assert ann.call("shares.update", share_id=made["share_id"], changes={"state": "active"}).status == 200
    inside = visitor.bytes_of("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (inside.status, b"Back to the link" in inside.body) == (404, True)
    assert b"Back to the link" not in Visitor(served, f"/s/{'A' * 22}").get().body
