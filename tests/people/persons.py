"""People at the doors: cores with cheap hashes, clients that sign in, and their requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.runtime.password_hashing import Cost, PasswordHashing
from tests.cores import call, memory_core
from tests.gateway.serving import Reply, Served

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
PASSWORD = "correct horse battery"
JSON_TYPE = {"Content-Type": "application/json"}


def open_people(data_dir: Path, registration: str = "open", **overrides: Any) -> Core:
    """A core in memory at which people may register."""
    return cheap(memory_core(data_dir, registration=registration, **overrides))


def cheap(core: Core) -> Core:
    """The same stores with hashes that cost nothing."""
    return replace(core, passwords=PasswordHashing(CHEAP))


def post(served: Served, path: str, headers: dict[str, str] | None = None, /, **body: Any) -> Reply:
    """Send JSON."""
    return served.request("POST", path, json.dumps(body).encode(), {**JSON_TYPE, **(headers or {})})


def login(served: Served, name: str = "ann", password: str = PASSWORD, **more: Any) -> Reply:
    """Sign in as a program does."""
    return post(served, "/api/auth/login", name=name, password=password, **more)


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, or a program with a key."""

    served: Served
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        return self.served.request(method, path, body, {**self.headers, **(headers or {})})

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def post(self, path: str, /, **body: Any) -> Reply:
        return post(self.served, path, self.headers, **body)

    def delete(self, path: str, **body: Any) -> Reply:
        return self.served.request("DELETE", path, json.dumps(body).encode(), {**JSON_TYPE, **self.headers})

    def call(self, method: str, **params: Any) -> Reply:
        return self.served.call(method, self.token, **params)

    def upload(self, name: str = "a.txt", content: bytes = b"content", access: str = "private") -> str:
        reply = self.request(
            "POST", f"/api/files/upload?name={name}&access={access}", content, {"Content-Type": "text/plain"}
        )
        assert reply.status == 201, reply.body
        file_id: str = reply.json["file_id"]
        return file_id

    @property
    def is_signed_in(self) -> bool:
        return self.get("/api/auth/me").status == 200


def register(served: Served, name: str = "ann", **more: Any) -> Person:
    """A new person, signed in."""
    reply = post(served, "/api/auth/register", name=name, password=PASSWORD, **more)
    assert reply.status == 201, reply.body
    return Person(served, reply.json["token"])


def appoint(served: Served, name: str, role: str = "user", tenant: str = "") -> Person:
    """A new person with a role, signed in after the password was set by the link."""
    made = call(served.core, "accounts.create", name=name, role=role, tenant=tenant)
    call(served.core, "accounts.set_password", reset=made["reset"]["code"], password=PASSWORD)
    return Person(served, login(served, made["owner"]).json["token"])


def key_of(person: Person, *scopes: str, **more: Any) -> Person:
    """A program with a key of these scopes."""
    reply = person.post("/api/auth/keys", label="program", scopes=list(scopes), **more)
    assert reply.status == 201, reply.body
    return Person(person.served, reply.json["key"])
