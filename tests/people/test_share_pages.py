"""What the page of a link tells: to services that preview links, to its owner, and of its files."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.cores import call, processed_file, with_preview
from tests.gateway.serving import Served
from tests.people.links import PASSWORD, Visitor, share, stored, stored_at
from tests.people.persons import Person, register

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


def test_previews_of_open_links_show_a_picture_and_those_of_others_none(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    assert "image" not in previewed(Visitor(served, share(ann, file_id)["url"]))
    with_preview(served.core, file_id, poster=b"RIFF....WEBP")
    made = share(ann, file_id)
    visitor = Visitor(served, made["url"])
    picture = unescape(previewed(visitor)["image"])
    assert picture.startswith(f"{made['url']}/files/{file_id}?part=")
    reply = visitor.get(picture.removeprefix(made["url"]))
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"RIFF....WEBP", "image/webp")
    assert ann.get(f"/api/shares/{made['share_id']}").json["used"] == 0
    for more in ({"password": PASSWORD}, {"max_downloads": 3}):
        assert "image" not in previewed(Visitor(served, share(ann, file_id, **more)["url"]))


def test_the_owner_alone_sees_the_code_of_the_link(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann))
    assert b"<svg" in Visitor(served, made["url"], {"files_session": ann.token}).get().body
    assert b"<svg" not in Visitor(served, made["url"]).get().body
    assert b"<svg" not in Visitor(served, made["url"], {"files_session": register(served, "bob").token}).get().body


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
