"""The walk of people through every method, by the client over AMQP: two tenants, an admin and an operator.

What a service may do for a person it says by ``actor``; what is the person's own, by the token of the session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest

from files_service.api import METHODS
from files_service.client import FilesClient
from files_service.client.caller import Caller
from files_service.config import load_settings
from files_service.core import Core
from files_service.errors import Conflict, Forbidden, InsufficientStorage, NotFound, Unauthorized, WrongStatus
from files_service.services.opening import open_core
from tests.cores import put_parts
from tests.fakes.telegram import URL
from tests.servers.processes import ServiceProcess
from tests.unit.cards.scenes import worked

PASSWORD = "correct horse battery"


@dataclass
class Story:
    """The client, the stores behind the service, where senders put their bytes, and the tokens of people."""

    files: FilesClient
    core: Core
    tokens: dict[str, str]

    def stored(self, owner: str, name: str, *contents: bytes, **params: Any) -> str:
        """Upload a file and wait until it is processed."""
        parts: Any = [{"size": len(each), "content_type": "text/plain"} for each in contents]
        record: Any = self.files.upload(owner=owner, actor=owner, name=name, parts=parts, **params)
        put_parts(self.core, record, list(contents))
        for part in record["parts"]:
            self.files.finish(file_id=record["file_id"], part_id=part["part_id"], actor=owner)
        self.files.process(file_id=record["file_id"], actor=owner)
        return str(record["file_id"])


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the methods that were called and answered."""
    names: set[str] = set()
    real = Caller._call

    def recorded(self: Caller, method: str, given: Mapping[str, Any]) -> Any:
        result: Any = real(self, method, given)
        names.add(method)
        return result

    monkeypatch.setattr(Caller, "_call", recorded)
    return names


@pytest.fixture
def story(amqp_uri: str, tmp_path: Path) -> Iterator[Story]:
    with ServiceProcess(
        tmp_path / "rpc", amqp_uri, environ={"FILES_REGISTRATION": "invite", "FILES_NOTICE_SERVICES": "tgram"}
    ) as service:
        core = open_core(load_settings(service.config))
        try:
            with FilesClient(amqp_uri, timeout=120) as files:
                yield Story(files, core, {})
        finally:
            core.close()


def test_people_of_two_tenants_walk_through_every_method(story: Story, called: set[str]) -> None:
    _people(story)
    _sessions_keys_and_factors(story)
    _files(story)
    _folders_and_trash(story)
    _versions(story)
    _links(story)
    _analytics_and_quotas(story)
    _cards(story)
    _channels(story)
    _deletion(story)
    missing = set(METHODS) - called
    assert not missing, f"the walk leaves out {sorted(missing)}"


def _people(story: Story) -> None:
    accounts = story.files.accounts
    made = accounts.create(name="olga", role="operator")
    accounts.set_password(reset=made["reset"]["code"], password=PASSWORD)
    assert accounts.create_tenant(name="acme", actor="olga")["name"] == "acme"
    assert [each["name"] for each in accounts.list_tenants(actor="olga")["tenants"]] == ["acme"]
    _register(story, "ann", accounts.create_invite(tenant="", role="user", actor="olga")["code"])
    _register(story, "adam", accounts.create_invite(tenant="acme", role="admin", actor="olga")["code"])
    _register(story, "bob", accounts.create_invite(tenant="acme", actor="adam@acme")["code"])
    assert [each["owner"] for each in accounts.list(actor="adam@acme")["accounts"]] == ["adam@acme", "bob@acme"]
    assert accounts.info(owner="bob@acme", actor="adam@acme")["role"] == "user"
    for owner, actor, error in (("ann", "adam@acme", NotFound), ("ann", "bob@acme", Forbidden)):
        with pytest.raises(error):
            accounts.info(owner=owner, actor=actor)
    invite = accounts.create_invite(tenant="acme", actor="adam@acme")
    listed = accounts.list_invites(tenant="acme", actor="adam@acme")["invites"]
    assert invite["invite_id"] in [each["invite_id"] for each in listed]
    accounts.revoke_invite(invite_id=invite["invite_id"], actor="adam@acme")
    with pytest.raises(Unauthorized):
        accounts.register(name="eve", password=PASSWORD, invite=invite["code"])
    with pytest.raises(Conflict):
        accounts.update(owner="adam@acme", role="user", actor="olga")


def _register(story: Story, name: str, code: str) -> None:
    signed = story.files.accounts.register(name=name, password=PASSWORD, invite=code)
    story.tokens[signed["account"]["owner"]] = signed["token"]


def _sessions_keys_and_factors(story: Story) -> None:
    accounts, token = story.files.accounts, story.tokens["ann"]
    assert accounts.identify(token=token)["account"]["owner"] == "ann"
    other = accounts.login(name="ann", password=PASSWORD)["token"]
    [second] = [each for each in accounts.list_sessions(token=token)["sessions"] if not each["current"]]
    accounts.end_session(token=token, session_id=second["session_id"])
    key = accounts.create_key(token=token, label="backup", scopes=["files:read"])
    assert [each["label"] for each in accounts.list_keys(token=token)["keys"]] == ["backup"]
    accounts.revoke_key(token=token, key_id=key["key_id"])
    factor = pyotp.TOTP(accounts.begin_totp(token=token)["secret"])
    recovery = accounts.confirm_totp(token=token, code=factor.now())["recovery_codes"]
    with pytest.raises(Unauthorized):
        accounts.login(name="ann", password=PASSWORD)
    accounts.remove_totp(token=token, code=recovery[0])
    accounts.set_password(token=token, current=PASSWORD, password=PASSWORD + "!")
    leaving = accounts.login(name="ann", password=PASSWORD + "!")["token"]
    accounts.logout(token=leaving)
    for ended in (other, key["key"], leaving):
        with pytest.raises(Unauthorized):
            accounts.identify(token=ended)
    accounts.end_sessions(token=token)
    story.tokens["ann"] = accounts.login(name="ann", password=PASSWORD + "!")["token"]
    code = accounts.reset(owner="bob@acme", actor="adam@acme")["code"]
    accounts.set_password(reset=code, password=PASSWORD)
    story.tokens["bob@acme"] = accounts.login(name="bob@acme", password=PASSWORD)["token"]


def _files(story: Story) -> None:
    files = story.files
    file_id = story.stored("ann", "Strand-Café.txt", b"a day ", b"at the beach", tags=["summer"], alias="beach")
    assert files.info(file_id=file_id, actor="ann")["size"] == 18
    assert files.data(file_id=file_id, fields=["size"], actor="ann")["size"] == 18
    assert files.head(owner="ann", aliases=["beach", "x"], actor="ann") == {"file_ids": [file_id, None]}
    assert len(files.download(file_id=file_id, actor="ann")["urls"]) == 2
    assert files.manifest(file_id=file_id, actor="ann")["upload_size"] == 18
    assert [each["file_id"] for each in files.list(owner="ann", actor="ann", search="CAFE")["files"]] == [file_id]
    assert files.timeline(owner="ann", month="2001-01", actor="ann")["files"] == []
    assert files.count(owner="ann", actor="ann")["total"] == 1
    assert files.report(owner="ann", actor="ann")["bytes"] == 18
    assert files.known(owner="ann", files=[{"path": "x", "size": 1, "fast_key": "0" * 16}], actor="ann") is not None
    assert files.update(file_id=file_id, changes={"name": "beach.txt"}, actor="ann")["name"] == "beach.txt"
    assert files.tag.add(file_id=file_id, tags=["sea"], actor="ann")["tags"] == ["summer", "sea"]
    assert files.tag.remove(file_id=file_id, tags=["sea"], actor="ann")["tags"] == ["summer"]
    assert files.tag.sync(file_id=file_id, tags=["sun"], actor="ann")["tags"] == ["sun"]
    assert files.tag.access(owner="ann", tag="sun", access="public", actor="ann")["files"][0]["access"] == "public"
    assert files.clone(file_id=file_id, owner="bob@acme", actor="bob@acme")["owner"] == "bob@acme"
    assert files.access(file_ids=[file_id], access="private", actor="ann")["files"][0]["ok"]
    for actor in ("bob@acme", "adam@acme"):
        with pytest.raises(NotFound):
            files.info(file_id=file_id, actor=actor)
    assert files.archive(file_ids=[file_id], actor="ann")["entries"] == 2
    assert files.sync(owner="ann", dry_run=True)["dry_run"] is True


def _folders_and_trash(story: Story) -> None:
    files, folders = story.files, story.files.folders
    assert folders.create(owner="ann", path="trips/2026", actor="ann")["created"]
    first, second = (story.stored("ann", "a.txt", b"one", path="trips/2026/a.txt") for _ in range(2))
    assert files.info(file_id=second, actor="ann")["path"] == "trips/2026/a (2).txt"
    assert files.move(file_id=second, path="trips/b.txt", actor="ann")["path"] == "trips/b.txt"
    with pytest.raises(Forbidden):
        folders.list(owner="ann", path="trips", actor="bob@acme")
    job = folders.move(owner="ann", path="trips/2026", to="trips/summer", actor="ann")
    assert (job["state"], job["total"]) == ("done", 1)
    assert files.jobs.info(job_id=job["job_id"], actor="ann")["done"] == 1
    assert files.jobs.list(owner="ann", actor="ann")["jobs"][0]["job_id"] == job["job_id"]
    assert files.jobs.cancel(job_id=job["job_id"], actor="ann")["state"] == "done"
    assert folders.remove(owner="ann", path="trips/summer", actor="ann")["done"] == 1
    [entry] = folders.trashed(owner="ann", actor="ann")["folders"]
    folders.restore(owner="ann", path=entry["path"], trashed_at=entry["trashed_at"], actor="ann")
    assert [each["file_id"] for each in folders.list(owner="ann", path="trips/summer", actor="ann")["files"]] == [first]
    assert files.trash(file_id=second, actor="ann")["trashed_at"] is not None
    assert files.restore(file_id=second, actor="ann")["path"] == "trips/b.txt"
    done = files.bulk(action="trash", items=[{"file_id": second}], actor="ann", request_id="once")
    assert done["results"][0]["ok"]
    assert files.empty_trash(owner="ann", actor="ann")["done"] == 1
    assert files.remove(file_id=first, actor="ann")["removed"]


def _versions(story: Story) -> None:
    versions = story.files.versions
    file_id = story.stored("ann", "draft.txt", b"first")
    upload: Any = story.files.upload(owner="ann", actor="ann", parts=[{"size": 6}], version_of=file_id)
    put_parts(story.core, upload, [b"second"])
    story.files.finish(file_id=upload["file_id"], part_id="p0")
    story.files.process(file_id=upload["file_id"])
    assert len(versions.list(file_id=file_id, actor="ann")["versions"]) == 2
    versions.label(file_id=file_id, version_id=file_id, label="original", actor="ann")
    assert len(versions.download(file_id=file_id, version_id=file_id, actor="ann")["urls"]) == 1
    assert versions.restore(file_id=file_id, version_id=file_id, actor="ann")["size"] == 5
    versions.remove(file_id=file_id, version_id=upload["file_id"], actor="ann")
    with pytest.raises(NotFound):
        versions.list(file_id=file_id, actor="bob@acme")


def _links(story: Story) -> None:
    shares = story.files.shares
    file_id = story.stored("bob@acme", "shared.txt", b"for you")
    policy = shares.set_policy(tenant="acme", changes={"require_password": True}, actor="adam@acme")
    assert policy["require_password"]
    assert shares.policy(tenant="acme", actor="bob@acme") == policy
    made = shares.create(owner="bob@acme", items=[file_id], password="open sesame", actor="bob@acme")
    assert shares.info(share_id=made["share_id"], actor="bob@acme")["has_password"]
    assert shares.events(share_id=made["share_id"], actor="bob@acme")["events"] == []
    assert shares.list(owner="bob@acme", actor="bob@acme")["shares"][0]["key"] == made["key"]
    paused = shares.update(share_id=made["share_id"], changes={"state": "paused"}, actor="bob@acme")
    assert paused["state"] == "paused"
    with pytest.raises(NotFound):
        shares.info(share_id=made["share_id"], actor="ann")
    assert shares.revoke(share_id=made["share_id"], actor="bob@acme")["state"] == "revoked"


def _analytics_and_quotas(story: Story) -> None:
    files, accounts = story.files, story.files.accounts
    assert files.analytics.storage(owner="ann", actor="ann")["used"] > 0
    assert files.analytics.file_types(owner="ann", actor="ann") is not None
    assert accounts.export(token=story.tokens["ann"])["entries"][0]["value"]["owner"] == "ann"
    assert accounts.set_tenant_quota(tenant="acme", quota_bytes=1_000_000, actor="olga")["quota_bytes"] == 1_000_000
    assert accounts.set_quota(owner="bob@acme", quota_bytes=100, actor="adam@acme")["quota_bytes"] == 100
    with pytest.raises(InsufficientStorage):
        files.upload(owner="bob@acme", name="large", parts=[{"size": 1_000}], actor="bob@acme")


def _channels(story: Story) -> None:
    notices, owner = story.files.notices, {"owner": "ann", "actor": "ann"}
    made = notices.set_channel(**owner, name="phone", url=URL, kinds=["safe"], quiet_hours=[22, 7])
    assert (made["service"], made["kinds"], made["quiet_hours"]) == ("tgram", ["safe"], [22, 7])
    assert notices.channels(**owner)["channels"] == [notices.test_channel(**owner, name="phone")]
    assert notices.remove_channel(**owner, name="phone")["removed"]
    assert notices.read(owner="ann")["unread"] == notices.list(owner="ann", limit=5)["unread"]
    with pytest.raises(Forbidden):
        notices.channels(owner="ann", actor="bob@acme")


def _cards(story: Story) -> None:
    cards: Any = story.files.cards
    owner = {"owner": "ann", "actor": "ann"}
    card = {"card_id": "0123abcd-1", "label": "CARD"}
    assert cards.inserted(**owner, card=card, host="desk")["session"] is None
    assert cards.permit(**owner, card_id=card["card_id"], state="allowed")["state"] == "allowed"
    assert [each["card_id"] for each in cards.list(**owner)["cards"]] == [card["card_id"]]
    session = cards.begin(**owner, card_id=card["card_id"], request_id="r", files=1, bytes=7)
    named = {"session_id": session["session_id"], "actor": "ann"}
    entry = {"path": "a.jpg", "size": 7, "mtime_at": 1, "status": "unreadable", "reason": "broken"}
    cards.add(**named, files=[entry])
    cards.progress(**named, state="uploaded")
    assert cards.verify(**named)["session_id"] == session["session_id"]
    assert cards.session(**named)["card_id"] == card["card_id"]
    with pytest.raises(WrongStatus):
        cards.receipt(**named)
    assert worked(story.core, session["session_id"])["state"] == "not_safe"
    assert cards.receipt(**named)["signature"]
    assert cards.manifest(**named)["manifest"].endswith("</hashlist>\n")
    assert len(cards.sessions(**owner)["sessions"]) == 1
    assert [each["path"] for each in cards.files(**named)["files"]] == ["a.jpg"]
    with pytest.raises(NotFound):
        cards.session(session_id=session["session_id"], actor="bob@acme")


def _deletion(story: Story) -> None:
    accounts = story.files.accounts
    assert accounts.delete(owner="bob@acme", actor="adam@acme")["disabled"]
    assert accounts.update(owner="bob@acme", disabled=False, actor="adam@acme")["deleted_at"] is None
    assert accounts.delete_me(token=story.tokens["ann"])["deleted_at"] is not None
    for owner in ("ann", "bob@acme"):
        with pytest.raises(Unauthorized):
            accounts.identify(token=story.tokens[owner])
