"""The people, the credentials and the files of the matrix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from files_service.core import Core
from files_service.domain.lifecycle import ProcessingFailed
from files_service.domain.scopes import ADMIN, DELETE, READ, SCOPES, SHARES, WRITE
from files_service.services.accounts.account import require_account
from files_service.services.accounts.sessions import DAY_MS, Client, begin_session
from files_service.services.files import change
from files_service.services.processing import record_outcome, take
from storage_adapters import JSON
from tests.cores import at, call, pending_file, processed_file, put_parts, uploaded_file, with_preview
from tests.gateway.owners import bearer
from tests.gateway.serving import RPC_TOKEN, Served
from tests.people.persons import Person, appoint, key_of

TENANT, OWNER = "acme", "ann@acme"
# In no answer to those who may not read the file.
NAME, CONTENT, TAG, ALIAS = "Xylograph.txt", b"quetzalcoatlus", "zymurgy", "kakapo"
CARD = "0123-ABCD:64000000000"
NOBODYS = "01ARZ3NDEKTSV4RRFFQ69G5FAW"
FILES = (READ, WRITE, DELETE, SHARES)
STATES = ("private", "shared", "unlisted", "public", "pending", "failed", "trashed")


@dataclass(frozen=True)
class Caller:
    """Somebody who sends requests, and the permissions that the matrix expects of it."""

    name: str
    token: str | None
    owner: str = ""
    tenant: str | None = None
    # May act for the owner of the files.
    acts: bool = False
    manages: bool = False
    operates: bool = False
    # Scopes of a key; None for what has no scopes.
    scopes: frozenset[str] | None = None
    is_session: bool = False
    # A key of a folder in which the files are not.
    is_bound: bool = False
    # A token that holds no more.
    is_ended: bool = False

    @property
    def is_system(self) -> bool:
        return self.token == RPC_TOKEN

    @property
    def is_known(self) -> bool:
        """Known at the doors by a token that holds."""
        return self.token is not None and not self.is_ended

    def may_use(self, scope: str) -> bool:
        return self.scopes is None or scope in self.scopes


def callers(served: Served) -> list[Caller]:
    """One caller of each kind, seen from files of ``ann@acme``."""
    core = served.core
    for tenant in (TENANT, "other"):
        call(core, "accounts.create_tenant", name=tenant)
    ann, amy = appoint(served, "ann", tenant=TENANT), appoint(served, "amy", "admin", TENANT)
    root, dis = appoint(served, "root", "operator"), appoint(served, "dis", tenant=TENANT)
    revoked = Person(served, _session(core, OWNER, core.clock()))
    revoked.post("/api/auth/logout")
    made = [
        Caller("nobody", None),
        Caller("owner", ann.token, OWNER, TENANT, acts=True, is_session=True),
        _user(served, "grantee", "gus", TENANT),
        _user(served, "other user", "pat", TENANT),
        _user(served, "user of another tenant", "eve", "other"),
        _user(served, "user of the default tenant", "dan", ""),
        Caller("admin", amy.token, "amy@acme", TENANT, acts=True, manages=True, is_session=True),
        _user(served, "admin of another tenant", "ada", "other", "admin"),
        Caller("operator", root.token, "root", "", manages=True, operates=True, is_session=True),
        Caller("system", RPC_TOKEN, acts=True, manages=True, operates=True),
        Caller("JWT of the owner", _jwt(OWNER), OWNER, TENANT, acts=True),
        # Its name manages people, whoever vouches for it; the files of others need a proof of the person.
        Caller("JWT of the admin", _jwt("amy@acme"), "amy@acme", TENANT, manages=True),
        Caller("JWT of another user", _jwt("pat@acme"), "pat@acme", TENANT),
        Caller("expired session", _session(core, OWNER, core.clock() - 31 * DAY_MS), is_ended=True),
        Caller("revoked session", revoked.token, is_ended=True),
        Caller("session of a disabled account", dis.token, is_ended=True),
        Caller("disabled owner by JWT", _jwt("dis@acme"), is_ended=True),
        _key(ann, "revoked key", *SCOPES[:-1], is_ended=True),
        _key(amy, "key of the admin without its scope", *SCOPES[:-1], owner="amy@acme"),
        _key(amy, "key of the admin", READ, ADMIN, owner="amy@acme", acts=True, manages=True),
        _key(ann, "key of a folder", *FILES, folder="trips", is_bound=True),
        *(_key(ann, f"key {scope}", scope, acts=True) for scope in SCOPES if scope != ADMIN),
        _key(root, "key of the operator", ADMIN, owner="root", tenant="", manages=True, operates=True),
    ]
    call(core, "accounts.update", owner="dis@acme", disabled=True)
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD})
    # Sessions and keys note their first use.
    for each in made:
        served.request("GET", "/api/auth/me", headers=headers_of(each))
    return made


def headers_of(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.token}"} if caller.token else {}


def _user(served: Served, kind: str, name: str, tenant: str, role: str = "user") -> Caller:
    person = appoint(served, name, role, tenant)
    return Caller(kind, person.token, f"{name}@{tenant}" if tenant else name, tenant, is_session=True)


def _key(person: Person, kind: str, *given: str, folder: str | None = None, **more: Any) -> Caller:
    key = key_of(person, *given, folder=folder)
    if more.get("is_ended"):
        for each in person.get("/api/auth/keys").json["keys"]:
            person.delete(f"/api/auth/keys/{each['key_id']}")
    return Caller(kind, key.token, **{"owner": OWNER, "tenant": TENANT, "scopes": frozenset(given), **more})


def _jwt(owner: str) -> str:
    return bearer(owner)["Authorization"].removeprefix("Bearer ")


def _session(core: Core, owner: str, begun_at: int) -> str:
    return begin_session(at(core, begun_at), require_account(core, owner), Client())[0]


@dataclass
class Target:
    """What a request is about: a file of the owner in some state, an upload, a share, and what people have."""

    state: str
    record: JSON
    share_id: str = NOBODYS
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def file_id(self) -> str:
        file_id: str = self.record["file_id"]
        return file_id

    @property
    def access(self) -> str:
        """The access that others have of the file."""
        return "private" if self.state == "trashed" else str(self.record["access"])


def target(core: Core, state: str, *, shared: bool = False) -> Target:
    """A file of the owner in this state; ``shared`` adds a share and a card session.

    The share is of another file, so that this one stays as it is.
    """
    access = "public" if state == "trashed" else state
    access = access if access in ("private", "shared", "unlisted", "public") else "private"
    said: dict[str, Any] = {"owner": OWNER, "name": NAME, "access": access, "tags": [TAG]}
    said["parts"] = [{"size": len(CONTENT), "content_type": "text/plain"}]
    if state == "pending":
        record = pending_file(core, CONTENT, **said)
        put_parts(core, record, [CONTENT])
    elif state == "failed":
        record = _failed(core, uploaded_file(core, CONTENT, **said))
    else:
        record = with_preview(core, processed_file(core, CONTENT, **said)["file_id"], poster=CONTENT)
    if state == "trashed":
        # It was public, and is so again when it is restored.
        change(core, record["file_id"], lambda before: replace(before, trashed_at=core.clock()))
        record = call(core, "files.info", file_id=record["file_id"])
    if access == "shared":
        record = call(core, "files.update", file_id=record["file_id"], changes={"grantees": ["gus@acme"]})
    if not shared:
        return Target(state, record)
    other = processed_file(core, CONTENT, **said | {"access": "private"})["file_id"]
    share = call(core, "shares.create", owner=OWNER, items=[other], title=NAME)
    card: dict[str, Any] = {"owner": OWNER, "card_id": CARD, "request_id": other, "files": 1, "bytes": 1}
    session = call(core, "cards.begin", **card)
    return Target(state, record, share["share_id"], {"session_id": session["session_id"]})


def _failed(core: Core, record: JSON) -> JSON:
    taken = change(core, record["file_id"], partial(take, worker="w", core=core, force=False))
    record_outcome(core, taken, "w", ProcessingFailed("virus", "bad"))
    return call(core, "files.info", file_id=record["file_id"])
