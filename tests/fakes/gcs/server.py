"""The server: routes, connections, and what a test takes in its hand."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.gcs.batch import handle_batch
from tests.fakes.gcs.errors import ConnectionCut, Refused
from tests.fakes.gcs.faults import Faults
from tests.fakes.gcs.json_api import JsonApi
from tests.fakes.gcs.messages import Answer, Request
from tests.fakes.gcs.objects import Bucket, Objects
from tests.fakes.gcs.pubsub import PubSub, Subscription
from tests.fakes.gcs.push import PushDelivery
from tests.fakes.gcs.sessions import Sessions
from tests.fakes.gcs.signatures import Signatures
from tests.fakes.gcs.tokens import Tokens
from tests.fakes.gcs.xml_api import XmlApi

PROJECT = "projects/demo"
TOPIC = f"{PROJECT}/topics/files"


class FakeGcs:
    """Google Cloud Storage and Pub/Sub on one loopback port. ``now`` may be set to any clock, in seconds.

    ``log`` has (method, path without query, status) of each request: a query may be a secret.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.now: Callable[[], float] = time.time
        self.faults = Faults()
        self.log: deque[tuple[str, str, int]] = deque(maxlen=100_000)
        self.pushes: list[PushDelivery] = []
        self._folder = Path(tempfile.mkdtemp(prefix="fake-gcs-"))
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.pubsub = PubSub(self._clock)
        self.objects = Objects(
            self._folder,
            self._clock,
            lambda event, stored, extra: self.pubsub.notify(self.objects, self.url, event, stored, extra),
        )
        self.signatures = Signatures(self._clock)
        self.tokens = Tokens(self._clock, self.url)
        self.sessions = Sessions(self.objects, self.faults, self._clock)
        self._json = JsonApi(self.objects, self.sessions, self.url)
        self._xml = XmlApi(self.objects, self.sessions, self.signatures, self.url)
        self.pubsub.on_push = self._start_push
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for push in self.pushes:
            push.stop()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    def make_bucket(self, name: str, **configuration: Any) -> Bucket:
        """Make a bucket; see ``Bucket`` for its configuration."""
        return self.objects.make_bucket(name, **configuration)

    def add_hmac_key(self, access_id: str, secret: str) -> None:
        """Let an HMAC key sign."""
        self.signatures.hmac_keys[access_id] = secret

    def add_service_account(self, email: str) -> dict[str, Any]:
        """Let a service account sign; returns the content of its key file."""
        key_file = self.tokens.service_account(email)
        self.signatures.public_keys[email] = self.tokens.public_key(email)
        return key_file

    def notify(self, bucket: str, *, topic: str = TOPIC, **config: Any) -> str:
        """Have the changes of a bucket published, finalized objects unless ``event_types`` says otherwise."""
        if topic not in self.pubsub.topics:
            self.pubsub.make_topic(topic)
        configs = self.objects.bucket(bucket).notification_configs
        number = str(len(configs) + 1)
        configs[number] = {
            "topic": f"//pubsub.googleapis.com/{topic}",
            "event_types": ["OBJECT_FINALIZE"],
            "payload_format": "JSON_API_V1",
            **config,
        }
        return topic

    def push_to(
        self, url: str, *, name: str = "push", topic: str = TOPIC, email: str | None = None, **config: Any
    ) -> Subscription:
        """Push what a topic publishes to a URL; with ``email`` each push bears an OIDC token of that account."""
        push_config: dict[str, Any] = {"pushEndpoint": url, **config.pop("push_config", {})}
        if email is not None:
            push_config["oidcToken"] = {"serviceAccountEmail": email, "audience": config.pop("audience", url)}
        subscription = {"topic": topic, "pushConfig": push_config, "ackDeadlineSeconds": 60, **config}
        return self.pubsub.subscribe(f"{PROJECT}/subscriptions/{name}", subscription)

    def pull_from(self, name: str = "pull", *, topic: str = TOPIC, **config: Any) -> Subscription:
        """Keep what a topic publishes until it is pulled."""
        return self.pubsub.subscribe(f"{PROJECT}/subscriptions/{name}", {"topic": topic, **config})

    def unavailable(self) -> Refused:
        """The error of a server that has a bad day."""
        return Refused(503, "ServiceUnavailable", "Service unavailable. Please try again.")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        before = self.now
        self.now = lambda: before() + seconds

    def requests(self, method: str | None = None, part_of_path: str = "") -> int:
        """How many requests of this kind there were."""
        return sum(method in (None, each) and part_of_path in path for each, path, _ in list(self.log))

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        of_json = request.path.startswith(
            ("/storage/v1/", "/upload/", "/download/", "/v1/", "/batch", "/oauth2", "/token")
        )
        try:
            status = self.faults.failure_of(request)
            if status:
                raise Refused(status, "InternalError", "We encountered an internal error. Please try again.")
            answer = self._route(request)
            if status == 0:
                raise ConnectionCut
        except Refused as error:
            body = error.as_json() if of_json else error.as_xml()
            answer = Answer(error.status, {"Content-Type": f"application/{'json' if of_json else 'xml'}"}, body)
        return Answer(answer.status, {**answer.headers, **self._xml.cors_headers(request)}, answer.body)

    def _route(self, request: Request) -> Answer:
        path = request.path
        if request.method == "OPTIONS" and path.startswith("/upload/"):
            return Answer(200, {"Access-Control-Allow-Methods": "PUT, POST, DELETE"})
        if path.startswith("/batch"):
            return handle_batch(request, self.respond)
        self._require_payer(request)
        if path.startswith(("/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/")):
            return self._json.handle(request)
        if path.startswith("/v1/projects/") and "/serviceAccounts/" not in path:
            return self.pubsub.handle(request)
        if path.startswith(("/v1/", "/oauth2/", "/token")):
            return self.tokens.handle(request)
        return self._xml.handle(request)

    def _require_payer(self, request: Request) -> None:
        """Refuse a request that does not say who pays where requesters do; a session has said so."""
        match = re.match(r"(?:/(?:upload/|download/)?storage/v1/b)?/([^/]+)", request.path)
        bucket = self.objects.buckets.get(match[1]) if match is not None else None
        query = dict(request.query)
        if bucket is not None and bucket.requester_pays and not {"userProject", "upload_id"} & set(query):
            text = "Bucket is requester pays bucket but no user project provided."
            raise Refused(400, "UserProjectMissing", text, reason="required")

    def _start_push(self, subscription: Subscription) -> None:
        push = PushDelivery(subscription, self.tokens)
        self.pushes.append(push)
        push.start()

    def _clock(self) -> float:
        return self.now()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], fake: FakeGcs) -> None:
        self.fake = fake
        self._open: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no news."""

    def cut_all(self) -> None:
        """End connections that are kept alive."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that head and body leave together; flushed after each request.
    wbufsize = 64 * 1024
    server: _Server

    def handle_one_request(self) -> None:
        """Read a request, answer it."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        chunked = "chunked" in (self.headers.get("Transfer-Encoding") or "").lower()
        reader = _Chunked(self.rfile) if chunked else _Sized(self.rfile, int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, reader.read)
        try:
            answer = self.server.fake.respond(request)
        except ConnectionCut:
            self.server.fake.log.append((request.method, request.path, 0))
            # A reset rather than an end: what waits unread in the socket makes the kernel send one.
            self.close_connection = True
            return
        self.server.fake.log.append((request.method, request.path, answer.status))
        if not reader.finished:
            self.close_connection = True
        self._send(answer)
        self.wfile.flush()

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        headers = dict(answer.headers)
        if isinstance(answer.body, bytes) and "Content-Length" not in headers and answer.status != 204:
            headers["Content-Length"] = str(len(answer.body))
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(answer.body, bytes):
            self.wfile.write(answer.body)
            return
        left = self.server.fake.faults.download_cut()
        for piece in answer.body:
            self.wfile.write(piece if left is None else piece[:left])
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    self.close_connection = True
                    return


class _Sized:
    def __init__(self, file: Any, left: int) -> None:
        self._file, self._left = file, left

    @property
    def finished(self) -> bool:
        return self._left == 0

    def read(self, size: int) -> bytes:
        piece: bytes = self._file.read(min(size, self._left))
        self._left -= len(piece)
        return piece


class _Chunked:
    def __init__(self, file: Any) -> None:
        self._file, self._left = file, 0
        self.finished = False

    def read(self, size: int) -> bytes:
        if self.finished:
            return b""
        if self._left == 0:
            line = self._file.readline()
            if not line.strip():
                raise ConnectionCut
            self._left = int(line.partition(b";")[0], 16)
            if self._left == 0:
                self._file.readline()
                self.finished = True
                return b""
        piece: bytes = self._file.read(min(size, self._left))
        if not piece:
            raise ConnectionCut
        self._left -= len(piece)
        if self._left == 0:
            self._file.readline()
        return piece
