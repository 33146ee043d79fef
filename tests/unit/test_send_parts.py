"""Parts of an upload that the client sends straight to a bucket, whose server is one of the test."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from files_service.client import send_parts
from files_service.client.results import Address
from files_service.errors import BadRequest, ServiceUnavailable

SIZE = 10


class Bucket(BaseHTTPRequestHandler):
    """Keeps parts by their numbers; ``forgets`` those that it says it has taken."""

    kept: dict[int, bytes]
    forgets = False
    authorizations: list[str | None]

    def do_GET(self) -> None:
        self.authorizations.append(self.headers["Authorization"])
        parts = (f"<Part><PartNumber>{n}</PartNumber><Size>{len(kept)}</Size></Part>" for n, kept in self.kept.items())
        self._answer("".join(parts).encode())

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if len(data) == SIZE and not self.forgets:
            self.kept[int(self.path.strip("/"))] = data
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Listener(ThreadingHTTPServer):
    """A server whose clients may go away in the middle of a body."""

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[tuple[type[Bucket], Address]]:
    handler = type("Handler", (Bucket,), {"kept": {}, "authorizations": []})
    server = Listener(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    address: Address = {"method": "PUT", "url": url, "headers": {}, "expires_at": 0, "protocol": "s3-multipart"}
    address["parts"] = [
        {"number": number, "offset": (number - 1) * SIZE, "size": SIZE, "url": f"{url}/{number}"}
        for number in (1, 2, 3)
    ]
    yield handler, address
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_has_not_arrived_is_sent_and_no_password_with_it(
    bucket: tuple[type[Bucket], Address], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, address = bucket
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password another\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    handler.kept[2] = b"k" * SIZE
    send_parts(address, io.BytesIO(b"a" * SIZE + b"b" * SIZE + b"c" * SIZE))
    assert handler.kept == {1: b"a" * SIZE, 2: b"k" * SIZE, 3: b"c" * SIZE}
    assert set(handler.authorizations) == {None}


def test_content_that_is_too_short_is_an_error_at_once(bucket: tuple[type[Bucket], Address]) -> None:
    with pytest.raises(BadRequest, match="shorter"):
        send_parts(bucket[1], io.BytesIO(b"a" * (SIZE + 1)))


def test_a_bucket_that_keeps_nothing_is_given_up(bucket: tuple[type[Bucket], Address]) -> None:
    bucket[0].forgets = True
    with pytest.raises(ServiceUnavailable, match="does not take"):
        send_parts(bucket[1], io.BytesIO(b"a" * 3 * SIZE))
