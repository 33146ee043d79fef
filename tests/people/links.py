"""Shares for tests: an owner who makes links, and visitors with cookies of their own, as browsers keep them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from files_service.services.files import change
from storage_adapters import FileRecord
from tests.cores import call
from tests.gateway.serving import Reply, Served
from tests.people.persons import Person

JSON = {"Accept": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "open sesame"
CONTENT = b"the very bytes"


def stored(
    person: Person,
    name: str = "a.txt",
    content: bytes = CONTENT,
    access: str = "private",
    content_type: str = "text/plain",
) -> str:
    """A file of the person that is processed."""
    path = f"/api/files/upload?name={name}&access={access}"
    reply = person.served.request("POST", path, content, {**person.headers, "Content-Type": content_type})
    assert reply.status == 201, reply.body
    file_id: str = reply.json["file_id"]
    call(person.served.core, "files.process", file_id=file_id)
    return file_id


def move_to(served: Served, file_id: str, path: str | None) -> None:
    """Give a file a path."""

    def decide(record: FileRecord) -> FileRecord:
        return replace(record, path=path, name=path.rpartition("/")[2] if path else record.name)

    change(served.core, file_id, decide)


def stored_at(person: Person, path: str, content: bytes = CONTENT, **given: str) -> str:
    """A file of the person that is processed, at a path."""
    file_id = stored(person, path.rpartition("/")[2], content, **given)
    move_to(person.served, file_id, path)
    return file_id


def share(person: Person, *file_ids: str, **given: Any) -> Any:
    """A new share, as its owner sees it."""
    reply = person.post("/api/shares", items=list(file_ids), **given)
    assert reply.status == 201, reply.body
    return reply.json


@dataclass
class Visitor:
    """Somebody with a link, and the cookies that the service has set."""

    served: Served
    link: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return urlsplit(self.link).path

    def request(self, method: str, path: str = "", body: bytes | None = None, **more: str) -> Reply:
        """Make a request below the link; cookies that come back are kept."""
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers = {**self.headers, **(cookies if self.cookies else {}), **more}
        reply = self.served.request(method, self.path + path, body, headers)
        for line in reply.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return reply

    def get(self, path: str = "", **more: str) -> Reply:
        return self.request("GET", path, None, **more)

    def json(self) -> Reply:
        """The share as a program asks for it."""
        return self.get("", **JSON)

    def send(self, path: str, **fields: str) -> Reply:
        """Send a form."""
        return self.request("POST", path, urlencode(fields).encode(), **FORM)

    def unlock(self, password: str = PASSWORD, **fields: str) -> Reply:
        return self.send("/unlock", password=password, **fields)

    def begin(self, file_id: str) -> Reply:
        """Press the button."""
        return self.send("/download", file_id=file_id)

    def bytes_of(self, file_id: str, **more: str) -> Reply:
        """The bytes, by an address that was kept or copied."""
        return self.get(f"/files/{file_id}", **more)

    def download(self, file_id: str) -> Reply:
        """Press the button, and follow to the bytes."""
        begun = self.begin(file_id)
        return self.bytes_of(file_id) if begun.status == 303 else begun
