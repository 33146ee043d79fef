"""Senders and readers that reach gateways by a load balancer, and go on when one of these dies."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import ClientError

from tests.cores import SECRETS
from tests.gateway.owners import bearer
from tests.gateway.slices import talking
from tests.servers.caddy import ask

OWNER = "ann"
TUS = {"Tus-Resumable": "1.0.0", **bearer(OWNER)}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
RPC = {"Authorization": f"Bearer {SECRETS['FILES_RPC_TOKEN']}", "Content-Type": "application/json"}
ATTEMPTS = 200
CHUNK = 32 * 1024


class Broken(Exception):
    """A gateway died, or is not to be had; the sender goes on."""


class Sender:
    """One upload through one door, repeated as that door permits until it is complete."""

    def __init__(self, port: int, number: int) -> None:
        self.port, self.name = port, f"file-{number}"
        self.content = random.Random(number).randbytes(1 + number * 7_919 % (6 * CHUNK))
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self._address = ""
        doors: list[Callable[[], str]] = [self._rest, self._form, self._signed, self._tus, self._websocket]
        self._door = doors[number % len(doors)]

    def send(self) -> str:
        """Return the id of the file."""
        for _ in range(ATTEMPTS):
            with suppress(Broken, OSError, ClientError, http.client.HTTPException):
                return self._door()
        raise AssertionError(f"{self.name} came to no end by {self._door.__name__}")

    def call(self, method: str, **params: Any) -> Any:
        status, body = ask(self.port, "POST", f"/rpc/{method}", json.dumps(params).encode(), RPC)
        return json.loads(_checked(status, body))["result"]

    def _rest(self) -> str:
        return self._found() or self._posted(f"?name={self.name}", self.content, "text/plain")

    def _form(self) -> str:
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{self.name}"\r\n\r\n'
        body = head.encode() + self.content + b"\r\n--b--\r\n"
        return self._found() or self._posted("", body, "multipart/form-data; boundary=b")

    def _posted(self, query: str, body: bytes, content_type: str) -> str:
        headers = {**bearer(OWNER), "Content-Type": content_type}
        status, said = ask(self.port, "POST", f"/api/files/upload{query}", body, headers)
        file_id: str = json.loads(_checked(status, said))["file_id"]
        return file_id

    def _found(self) -> str:
        """Look for the file of an earlier attempt: a POST whose answer was lost may have been carried out.

        A gateway that died in the middle of one leaves a file that is never whole.
        """
        wanted = quote(json.dumps({"name": self.name}))
        status, body = ask(self.port, "GET", f"/api/files?filter={wanted}", headers=bearer(OWNER))
        files = json.loads(_checked(status, body))["files"]
        return next((file["file_id"] for file in files if file["status"] != "pending"), "")

    def _signed(self) -> str:
        part = {"size": len(self.content), "sha256": self.sha256}
        record = self.call("files.upload", owner=OWNER, name=self.name, parts=[part], request_id=self.name)
        if record["status"] == "pending":
            target = record["parts"][0]["upload"]
            url = urlsplit(target["url"])
            assert url.port == self.port, "the public address is that of the load balancer"
            _checked(*ask(self.port, target["method"], f"{url.path}?{url.query}", self.content, target["headers"]))
        file_id: str = record["file_id"]
        return file_id

    def _tus(self) -> str:
        if not self._address:
            named = {"Upload-Metadata": "filename ZmlsZQ==", "Upload-Length": str(len(self.content))}
            self._address = urlsplit(self._answer("POST", "/tus/", {**TUS, **named})["Location"]).path
        offset = int(self._answer("HEAD", self._address, TUS)["Upload-Offset"])
        while offset < len(self.content):
            body = self.content[offset : offset + CHUNK]
            headers = {**BYTES, "Upload-Offset": str(offset)}
            offset = int(self._answer("PATCH", self._address, headers, body)["Upload-Offset"])
        return self._address.rpartition("/")[2].partition("-")[0]

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            _checked(answer.status, answer.read())
            return answer.headers
        finally:
            connection.close()

    def _websocket(self) -> str:
        return asyncio.run(self._talk())

    async def _talk(self) -> str:
        async with talking(self.port) as client:
            begun = {"upload_id": self._address} if self._address else {"name": self.name, "size": len(self.content)}
            manifest = _message(await client.ask(op="start", **begun))
            self._address = manifest["upload_id"]
            there = {start for first, end in manifest["ranges"] for start in range(first, end, CHUNK)}
            for start in range(0, len(self.content), CHUNK):
                if start not in there:
                    await client.put(start, self.content[start : start + CHUNK])
                    _message(await client.hear())
            _message(await client.ask(op="finish", sha256=self.sha256))
            return self._address.partition("-")[0]


class Events:
    """A page that listens to its owner's events, and connects again as a browser does."""

    def __init__(self, port: int) -> None:
        self.heard: list[str] = []
        self.connected = 0
        self._port, self._stopping = port, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError, http.client.HTTPException):
                self._listen()

    def _listen(self) -> None:
        # Longer than the pause between two signs of life.
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/api/events", headers=bearer(OWNER))
            answer = connection.getresponse()
            self.connected += answer.status == 200
            while answer.status == 200 and not self._stopping.is_set():
                line = answer.readline()
                if not line:
                    return
                if line.startswith(b"data: "):
                    self.heard.append(json.loads(line[6:]).get("file_id", ""))
        finally:
            connection.close()


class Reader:
    """A reader of lists and bytes; ``failures`` are the answers that were none.

    No load balancer can take back an answer that has begun when its gateway dies: ``cuts`` counts those, and the reader
    asks again, once.
    """

    def __init__(self, port: int, file_id: str, content: bytes) -> None:
        self.answers = self.cuts = 0
        self.failures: list[tuple[str, int]] = []
        self._port, self._content = port, content
        self._paths = (f"/api/files/{file_id}/download", f"/api/files/{file_id}", "/api/files?limit=5")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            for path in self._paths:
                status, body = ask(self._port, "GET", path, headers=bearer(OWNER))
                if not status:
                    self.cuts += 1
                    status, body = ask(self._port, "GET", path, headers=bearer(OWNER))
                self.answers += 1
                if status != 200 or (path.endswith("/download") and body != self._content):
                    self.failures.append((path, status))


def _checked(status: int, body: bytes) -> bytes:
    """Return the body of a success. Raises Broken where the sender may go on, and fails where it may not."""
    if status in (0, 409, 429, 502, 503, 504):
        raise Broken(f"{status} {body[:200]!r}")
    assert status < 300, (status, body)
    return body


def _message(message: Any) -> Any:
    if message is None or message["op"] == "error":
        raise Broken(str(message))
    return message
