"""Three people of two tenants, an admin and an operator, and visitors, at every address of a running service."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyotp
import pytest
from PIL import Image

from files_service.gateway.app import DOORS
from tests.integration.test_up import Up, eventually
from tests.walk.curl import Caller, Walk

PASSWORD = "correct horse battery"
# Doors of programs have walks of their own; these are told of elsewhere.
_ELSEWHERE = ("/rpc/", "/blobs/", "/webhooks/", "/static/", "/ws/", "/metrics", "/docs", "/openapi.json", "/readyz")
TUS = {"Tus-Resumable": "1.0.0"}


def walked_routes() -> list[tuple[str, str]]:
    """The routes that a walk must reach."""
    routes = [(route.method, route.path) for door in DOORS for route in door.routes]
    return [(m, path) for m, path in routes if m != "OPTIONS" and not path.startswith(_ELSEWHERE)]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[tuple[Walk, str]]:
    """A service of one's own, and the code of its setup link."""
    with Up(tmp_path, FILES_REGISTRATION="invite") as up:
        line = up.start()
        yield Walk(up.url, tmp_path), line.partition("#")[2]


def signed_in(walk: Walk, name: str, password: str = PASSWORD, **more: Any) -> Caller:
    """Sign in as a program does."""
    return Caller(walk, Caller(walk)("POST", "/api/auth/login", name=name, password=password, **more)["token"])


def registered(walk: Walk, inviter: Caller, name: str, **invite: Any) -> Caller:
    """Invite somebody, who registers."""
    code = inviter("POST", "/api/invites", 201, **({"uses": 1} | invite))["code"]
    made = Caller(walk)("POST", "/api/auth/register", 201, name=name, password=PASSWORD, invite=code)
    return Caller(walk, made["token"])


def uploaded(caller: Caller, name: str, content: bytes, **query: str) -> str:
    """Upload a file and wait until it is processed."""
    path = f"/api/files/upload?{urlencode({'name': name, **query})}"
    file_id: str = caller("POST", path, 201, data=content, headers={"Content-Type": "text/plain"})["file_id"]
    eventually(lambda: caller("GET", f"/api/files/{file_id}")["status"] == "processed")
    return file_id


def test_people_of_two_tenants_walk_through_every_address(walk: tuple[Walk, str]) -> None:
    service, setup = walk
    nobody = Caller(service)
    assert nobody("GET", "/healthz")
    made = nobody("POST", "/api/auth/register", 201, name="olga", password=PASSWORD, invite=setup)
    operator = Caller(service, made["token"])
    nobody("POST", "/api/auth/register", 401, name="eve", password=PASSWORD, invite=setup)
    ann = registered(service, operator, "ann")
    operator("POST", "/rpc/accounts.create_tenant", name="acme")
    admin = registered(service, operator, "adam", tenant="acme", role="admin")
    bob = registered(service, admin, "bob")
    cid = registered(service, admin, "cid")
    people = {"ann": ann, "bob": bob, "cid": cid, "admin": admin, "operator": operator}
    _sessions_keys_and_factors(service, people)
    _files(service, people)
    _chunks(service, people)
    _grants(people)
    _tus(service, people["ann"])
    _folders_and_trash(service, people)
    _versions(service, people)
    _links(service, people)
    _cards(people)
    _channels(people)
    _analytics_and_quotas(people)
    _previews(service, people)
    _pages(service, nobody)
    _deletion(service, people)
    assert service.missing(walked_routes()) == []


def _sessions_keys_and_factors(service: Walk, people: dict[str, Caller]) -> None:
    ann, admin = people["ann"], people["admin"]
    assert ann("GET", "/api/auth/me")["account"]["owner"] == "ann"
    assert people["bob"]("GET", "/api/auth/me")["account"]["owner"] == "bob@acme"
    other = signed_in(service, "ann")
    sessions = ann("GET", "/api/auth/sessions")["sessions"]
    assert len(sessions) == 2
    [second] = [each for each in sessions if not each["current"]]
    ann("DELETE", f"/api/auth/sessions/{second['session_id']}")
    eventually(lambda: other.ask("GET", "/api/auth/me").status == 401)
    key = ann("POST", "/api/auth/keys", 201, label="backup", scopes=["files:read"])
    reader = Caller(service, key["key"])
    reader("GET", "/api/files")
    reader("POST", "/api/files/upload?name=x", 403, data=b"x")
    assert [each["label"] for each in ann("GET", "/api/auth/keys")["keys"]] == ["backup"]
    ann("DELETE", f"/api/auth/keys/{key['key_id']}")
    eventually(lambda: reader.ask("GET", "/api/files").status == 401)
    begun = ann("POST", "/api/auth/totp", data=b"{}", headers={"Content-Type": "application/json"})
    factor = pyotp.TOTP(begun["secret"])
    recovery = ann("POST", "/api/auth/totp", code=factor.now())["recovery_codes"]
    Caller(service)("POST", "/api/auth/login", 401, name="ann", password=PASSWORD)
    again = signed_in(service, "ann", code=recovery[0])
    again("DELETE", "/api/auth/totp", code=recovery[1])
    again("POST", "/api/auth/password", current=PASSWORD, password=PASSWORD + "!")
    eventually(lambda: ann.ask("GET", "/api/auth/me").status == 401)
    people["ann"] = signed_in(service, "ann", PASSWORD + "!")
    invite = admin("POST", "/api/invites", 201, tenant="acme")
    assert invite["invite_id"] in [each["invite_id"] for each in admin("GET", "/api/invites?tenant=acme")["invites"]]
    admin("DELETE", f"/api/invites/{invite['invite_id']}")
    Caller(service)("POST", "/api/auth/register", 401, name="eve", password=PASSWORD, invite=invite["code"])
    leaving = signed_in(service, "bob@acme")
    leaving("POST", "/api/auth/logout")
    eventually(lambda: leaving.ask("GET", "/api/auth/me").status == 401)
    leaving = signed_in(service, "bob@acme")
    leaving("DELETE", "/api/auth/sessions")
    people["bob"] = signed_in(service, "bob@acme")


def _files(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob, nobody = people["ann"], people["bob"], Caller(service)
    content = b"a day at the beach"
    file_id = uploaded(ann, "Strand-Café.txt", content)
    assert ann("GET", f"/api/files/{file_id}/download") == content
    part = ann.ask("GET", f"/api/files/{file_id}/download", headers={"Range": "bytes=2-4"})
    assert (part.status, part.body) == (206, content[2:5])
    assert [each["file_id"] for each in ann("GET", "/api/files")["files"]] == [file_id]
    ann("PUT", f"/api/files/{file_id}/metadata", tags=["summer"], description="at the sea")
    assert [each["tags"] for each in ann("GET", "/api/files/search?query=CAFE")["files"]] == [["summer"]]
    assert ann("GET", f"/api/files/{file_id}/manifest")["size"] == len(content)
    for caller in (bob, people["admin"], nobody):
        for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", "")):
            answer = caller.ask(method, f"/api/files/{file_id}{path}")
            assert answer.status == (401 if caller is nobody else 404), (method, path, answer.body)
    assert bob("GET", "/api/files/search?query=beach")["files"] == []
    ann("PUT", f"/api/files/{file_id}/access", accessType="public")
    assert b"Strand-Caf" in nobody("GET", f"/download/{file_id}")
    ann("PUT", f"/api/files/{file_id}/access", accessType="private")
    second = uploaded(ann, "two.txt", b"second")
    made = ann("POST", "/api/archives", 201, file_ids=[file_id, second], name="trip.zip")
    archive = ann("GET", f"/api/archives/{made['archive_id']}")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert sorted(map(opened.read, opened.namelist())) == sorted([content, b"second"])
    bob("GET", f"/api/archives/{made['archive_id']}", 404)
    assert service.first_line("/api/events", "-H", f"Authorization: Bearer {ann.token}") != b""


def _chunks(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob, nobody = people["ann"], people["bob"], Caller(service)
    octets = {"Content-Type": "application/octet-stream"}
    file_id = ann("POST", "/file", 201, name="in chunks.bin", size=6)["id"]
    assert ann("POST", f"/file/{file_id}?offset=3", 201, data=b"def", headers=octets)["received"] == 3
    assert ann("POST", f"/file/{file_id}?offset=0", 201, data=b"abc", headers=octets)["complete"]
    eventually(lambda: ann("GET", f"/api/files/{file_id}")["status"] == "processed")
    assert [chunk["size"] for chunk in ann("GET", f"/file/{file_id}")["chunks"]] == [3, 3]
    assert ann("GET", f"/api/files/{file_id}/download") == b"abcdef"
    bob("GET", f"/file/{file_id}", 404)
    nobody("GET", f"/file/{file_id}", 401)
    for path in ("/active-nodes", "/layout"):
        ann("GET", path, 403)
        nobody("GET", path, 401)
    nobody("POST", "/ping", 401, id="n", boot="b", boots=1, url="http://n:1")
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="form.txt"\r\n\r\nform\r\n--b--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=b"}
    assert ann("POST", "/upload", 201, data=form, headers=sent)["name"] == "form.txt"
    nobody("POST", "/upload", 401, data=form, headers=sent)


def _folders_and_trash(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob = people["ann"], people["bob"]
    ann("POST", "/api/folders/create", 201, path="trips/2026")
    first = uploaded(ann, "a.txt", b"one", path="trips/2026/a.txt")
    second = uploaded(ann, "a.txt", b"two", path="trips/2026/a.txt")
    assert ann("GET", f"/api/files/{second}")["path"] == "trips/2026/a (2).txt"
    page = ann("GET", "/api/files?prefix=trips/&delimiter=/&order_by=path&order=asc")
    assert [each["path"] for each in page["folders"]] == ["trips/2026"]
    assert len(ann("GET", "/api/folders?path=trips/2026")["files"]) == 2
    bob("GET", "/api/folders?path=trips", 404)
    ann("POST", "/api/files/upload?path=../x", 400, data=b"x")
    ann("POST", f"/api/files/{second}/move", path="trips/b.txt")
    ann("POST", "/api/folders/move", path="trips/2026", to="trips/summer")
    ann("PATCH", "/api/folders", path="trips", to="journeys")
    assert ann("GET", f"/api/files/{first}")["path"] == "journeys/summer/a.txt"
    ann("DELETE", f"/api/files/{second}")
    ann("GET", f"/api/files/{second}/download", 410)
    assert [each["file_id"] for each in ann("GET", "/api/trash")["files"]] == [second]
    ann("POST", f"/api/files/{second}/restore")
    ann("DELETE", "/api/folders?path=journeys/summer")
    [trashed] = ann("GET", "/api/trash")["trashed_folders"]
    ann("POST", "/api/trash/restore", path=trashed["path"], trashed_at=trashed["trashed_at"])
    items = [{"file_id": second}, {"file_id": uploaded(bob, "of bob.txt", b"bob")}]
    done = ann("POST", "/api/files/bulk", action="trash", items=items, request_id="once")
    assert [each["ok"] for each in done["results"]] == [True, False]
    ann("DELETE", "/api/trash")
    ann("GET", f"/api/files/{second}", 404)
    assert ann("GET", "/api/jobs")["jobs"] is not None
    for method in ("GET", "DELETE"):
        ann(method, "/api/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404)
    assert ann("GET", f"/api/files/{first}/download") == b"one"


def _versions(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob = people["ann"], people["bob"]
    file_id = uploaded(ann, "draft.txt", b"first")
    path = f"/api/files/{file_id}/version"
    ann("POST", f"{path}?label=better", 201, data=b"second", headers={"Content-Type": "text/plain"})
    eventually(lambda: ann("GET", f"/api/files/{file_id}/download") == b"second")
    current, former = ann("GET", f"/api/files/{file_id}/versions")["versions"]
    assert (current["label"], former["current"]) == ("better", False)
    assert ann("GET", f"{path}/{former['version_id']}/download") == b"first"
    bob("GET", f"{path}/{former['version_id']}/download", 404)
    ann("PUT", f"{path}/{former['version_id']}", label="original")
    ann("PUT", f"{path}/{former['version_id']}")
    assert ann("GET", f"/api/files/{file_id}/download") == b"first"
    ann("DELETE", f"{path}/{current['version_id']}")
    assert len(ann("GET", f"/api/files/{file_id}/versions")["versions"]) == 2


def _previews(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob = people["ann"], people["bob"]
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(picture, "JPEG")
    path, kind = "/api/files/upload?name=red.jpg", {"Content-Type": "image/jpeg"}
    file_id = ann("POST", path, 201, data=picture.getvalue(), headers=kind)["file_id"]
    eventually(lambda: bool(ann("GET", f"/api/files/{file_id}").get("derived")))
    address = f"/api/files/{file_id}/preview/thumbnail-256"
    assert ann("GET", address)[8:12] == b"WEBP"
    ann("GET", f"/api/files/{file_id}/preview/hover", 404)
    bob("GET", address, 404)
    share = ann("POST", "/api/shares", 201, items=[file_id])
    key = share["url"].rpartition("/")[2]
    shown = Caller(service)("GET", f"/s/{key}/files/{file_id}?part=thumbnail-256&inline=1")
    assert shown[8:12] == b"WEBP"
    page = Caller(service)("GET", f"/s/{key}").decode()
    cover = unescape(re.findall('og:image" content="([^"]*)"', page)[0])
    with Image.open(io.BytesIO(Caller(service)("GET", cover))) as opened:
        assert opened.size == (1200, 630)


def _grants(people: dict[str, Caller]) -> None:
    """What the third user reads, of the own tenant, by a grant; the other tenant never learns of it."""
    ann, bob, cid = people["ann"], people["bob"], people["cid"]
    file_id = uploaded(bob, "of bob.txt", b"granted")
    path = f"/api/files/{file_id}"
    for caller, status in ((cid, 403), (ann, 404), (people["operator"], 404), (people["admin"], 200)):
        caller("GET", path, status)
    bob("POST", "/rpc/files.access", file_ids=[file_id], access="shared")
    bob("POST", "/rpc/files.update", file_id=file_id, changes={"grantees": ["cid@acme"]})
    assert cid("GET", f"{path}/download") == b"granted"
    cid("DELETE", path, 403)
    ann("GET", path, 404)


def _tus(service: Walk, ann: Caller) -> None:
    content = bytes(range(256)) * 40
    meta = f"filename {base64.b64encode(b'clip.bin').decode()}"
    made = ann.ask("POST", "/tus/", headers={**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": meta})
    assert made.status == 201
    place = made.headers["location"]
    kind = {"Content-Type": "application/offset+octet-stream"}
    ann("PATCH", place, 204, data=content[:1_000], headers={**TUS, **kind, "Upload-Offset": "0"})
    assert ann.ask("HEAD", place, headers=TUS).headers["upload-offset"] == "1000"
    # A client behind a proxy that knows POST alone.
    more = {**TUS, **kind, "Upload-Offset": "1000", "X-HTTP-Method-Override": "PATCH"}
    ann("POST", place, 204, data=content[1_000:], headers=more)
    file_id = place.rpartition("/")[2].partition("-")[0]
    eventually(lambda: ann("GET", f"/api/files/{file_id}")["status"] == "processed")
    found = hashlib.sha256(ann("GET", f"/api/files/{file_id}/download")).digest()
    assert found == hashlib.sha256(content).digest()
    other = ann.ask("POST", "/tus", headers={**TUS, "Upload-Length": "5"})
    ann("DELETE", other.headers["location"], 204, headers=TUS)


def _links(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob, visitor = people["ann"], people["bob"], Caller(service)
    file_id = uploaded(ann, "shared.txt", b"for you")
    share = ann("POST", "/api/shares", 201, items=[file_id], title="Trip", password="open sesame")
    path = share["url"].removeprefix(service.url)
    assert b"Trip" not in visitor("GET", path, 401)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    unlocked = visitor.ask("POST", f"{path}/unlock", data=b"password=open+sesame", headers=form)
    assert unlocked.status == 303
    cookie = {"Cookie": unlocked.headers["set-cookie"].partition(";")[0]}
    assert b"Trip" in visitor("GET", path, headers=cookie)
    visitor("POST", f"{path}/download", 303, data=f"file_id={file_id}".encode(), headers={**form, **cookie})
    assert visitor("GET", f"{path}/files/{file_id}", headers=cookie) == b"for you"
    visitor("POST", f"{path}/zip", 303, data=b"", headers={**form, **cookie})
    with zipfile.ZipFile(io.BytesIO(visitor("GET", f"{path}/zip", headers=cookie))) as opened:
        assert opened.read("shared.txt") == b"for you"
    visitor("GET", f"{path}/files/{file_id}", 401)
    kinds = [each["event"] for each in ann("GET", f"/api/shares/{share['share_id']}/events")["events"]]
    assert {"unlocked", "downloaded"} <= set(kinds)
    assert ann("GET", f"/api/shares/{share['share_id']}")["used"] >= 1
    for method in ("GET", "DELETE"):
        bob(method, f"/api/shares/{share['share_id']}", 404)
    ann("PATCH", f"/api/shares/{share['share_id']}", state="paused")
    eventually(lambda: visitor.ask("GET", path, headers=cookie).status == 410)
    ann("DELETE", f"/api/shares/{share['share_id']}")
    drop = ann("POST", "/api/shares", 201, kind="drop", items=[])
    upload = drop["url"].removeprefix(service.url) + "/upload?name=gift.txt&sender=Bob"
    visitor("POST", upload, 201, data=b"a gift", headers={"Content-Type": "text/plain"})
    place, kind = drop["url"].removeprefix(service.url) + "/tus/", {"Content-Type": "application/offset+octet-stream"}
    begun = visitor.ask("POST", place, headers={**TUS, "Upload-Length": "6"})
    cookie = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    resumed = {**TUS, **kind, **cookie, "Upload-Offset": "0"}
    visitor("PATCH", begun.headers["location"], 204, data=b"a gift", headers=resumed)
    assert visitor.ask("HEAD", begun.headers["location"], headers={**TUS, **cookie}).headers["upload-offset"] == "6"
    visitor("DELETE", begun.headers["location"], 403, headers={**TUS, **cookie})
    assert "gift.txt" in [each["name"] for each in ann("GET", "/api/files")["files"]]
    assert drop["share_id"] in [each["share_id"] for each in ann("GET", "/api/shares")["shares"]]
    people["admin"]("PATCH", "/api/share-policy", require_password=True)
    assert people["admin"]("GET", "/api/share-policy")["require_password"] is True
    mine = uploaded(bob, "bob.txt", b"of bob")
    bob("POST", "/api/shares", 400, items=[mine])
    bob("POST", "/api/shares", 201, items=[mine], password="a long password")


def _cards(people: dict[str, Caller]) -> None:
    ann, bob = people["ann"], people["bob"]
    card = {"card_id": "0123-ABCD:64000000000", "label": "EOS", "size_bytes": 64_000_000_000}
    assert ann("POST", "/api/cards", card=card)["card"]["state"] == "unknown"
    path = f"/api/cards/{card['card_id']}"
    ann("PUT", path, state="allowed")
    bob("PUT", path, 404, state="allowed")
    begun = ann("POST", f"{path}/sessions", 201, request_id="first", files=1, bytes=7)
    file_id = uploaded(ann, "A.MP4", b"a movie", path=f"{begun['folder']}/DCIM/A.MP4")
    session = f"/api/card-sessions/{begun['session_id']}"
    key = {"path": "DCIM/A.MP4", "size": 7, "fast_key": "0123456789abcdef"}
    told = {**key, "mtime_at": 1, "status": "uploaded", "file_id": file_id}
    assert ann("POST", f"{session}/files", files=[told])["files_done"] == 1
    ann("POST", session, state="uploaded")
    assert ann("POST", f"{session}/verify", 202)["state"] == "verifying"
    assert ann("GET", f"{session}/files")["files"][0]["path"] == "DCIM/A.MP4"
    assert ann("GET", "/api/card-sessions")["sessions"][0]["session_id"] == begun["session_id"]
    assert ann("GET", "/api/cards")["cards"][0]["session_id"] == begun["session_id"]
    assert ann("POST", "/api/files/known", files=[key])["files"][0]["file_id"] == file_id
    bob("GET", session, 404)
    eventually(lambda: ann("GET", session)["verdict"] is not None)
    signed = ann("GET", f"{session}/receipt")
    assert signed["receipt"]["verdict"] == ann("GET", session)["verdict"]
    bob("GET", f"{session}/receipt", 404)
    assert ann.ask("GET", f"{session}/mhl").body.endswith(b"</hashlist>\n")
    bob("GET", f"{session}/mhl", 404)
    eventually(lambda: ann("GET", session)["state"] == "not_safe")
    # The pages are for those who are signed in by a cookie.
    for page in ("/cards", f"/cards/{begun['session_id']}"):
        assert ann.ask("GET", page).status == 303


def _channels(people: dict[str, Caller]) -> None:
    ann, bob = people["ann"], people["bob"]
    channels = "/api/notice-channels"
    assert ann("GET", channels) == {"channels": [], "services": []}
    # An installation permits none unless its operator opens services.
    ann("PUT", f"{channels}/phone", 501, url="tgram://1:aaaaaaaaaaaaaaaaaaaa/1/")
    ann("POST", f"{channels}/phone/test", 404)
    assert ann("DELETE", f"{channels}/phone")["removed"]
    bob("GET", f"{channels}?owner=ann", 403)
    # The worker has told of the files that were sent before.
    inbox = "/api/notifications"
    eventually(lambda: ann("GET", inbox)["unread"] > 0)
    assert ann("POST", f"{inbox}/read", notice_ids=None)["unread"] == 0
    bob("GET", f"{inbox}?owner=ann", 403)
    bob("POST", f"{inbox}/read", 403, owner="ann")


def _analytics_and_quotas(people: dict[str, Caller]) -> None:
    ann, bob, admin, operator = (people[name] for name in ("ann", "bob", "admin", "operator"))
    used = ann("GET", "/api/analytics/storage")["used"]
    assert used > 0
    kinds: dict[str, Any] = ann("GET", "/api/analytics/file-types")
    assert kinds
    ann("GET", "/api/analytics/storage?owner=bob@acme", 403)
    assert isinstance(ann("GET", "/api/timeline")["months"], list)
    exported = ann("GET", "/api/export").splitlines()
    assert exported[0].startswith(b'{"type":"account","value":{')
    admin("GET", "/api/analytics/storage?tenant=acme")
    operator("PUT", "/api/tenants/acme/quota", quota_bytes=1_000_000)
    admin("PUT", "/api/accounts/bob@acme/quota", quota_bytes=10)
    bob("POST", "/api/files/upload?name=large", 507, data=b"x" * 100)
    admin("PUT", "/api/accounts/ann/quota", 404, quota_bytes=10)


def _pages(service: Walk, nobody: Caller) -> None:
    for path in ("/", "/sign-in", "/join", "/reset"):
        nobody("GET", path)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": service.url}
    entered = nobody.ask("POST", "/sign-in", data=b"name=bob@acme&password=wrong+password+here", headers=form)
    assert entered.status in (401, 403)
    for path in ("/photos", "/shared", "/activity", "/settings", "/trash", "/versions/x"):
        assert nobody.ask("GET", path).status == 303
    admin = ("/admin", "/admin/accounts/ann", "/admin/invites", "/admin/tenants", "/admin/storage", "/admin/health")
    for path in admin:
        assert nobody.ask("GET", path).status == 303
    for path in ("/delete", "/restore", "/admin/act"):
        assert nobody.ask("POST", path, data=b"file_id=x", headers=form).status == 303
    for path in ("/join", "/reset"):
        nobody.ask("POST", path, data=b"code=none&name=x&password=some+long+password", headers=form)
    assert nobody.ask("POST", "/sign-out", headers=form).status in (303, 401)


def _deletion(service: Walk, people: dict[str, Caller]) -> None:
    ann, bob, admin = people["ann"], people["bob"], people["admin"]
    admin("DELETE", "/api/accounts/ann", 404)
    ann("DELETE", "/api/accounts/bob@acme", 403)
    assert admin("DELETE", "/api/accounts/bob@acme")["deleted_at"] is not None
    eventually(lambda: bob.ask("GET", "/api/auth/me").status == 401)
    ann("DELETE", "/api/auth/me")
    eventually(lambda: ann.ask("GET", "/api/files").status == 401)
    Caller(service)("POST", "/api/auth/login", 401, name="ann", password=PASSWORD + "!")
