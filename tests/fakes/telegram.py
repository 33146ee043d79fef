"""The Bot API of Telegram on loopback: takes messages, and fails as a test says."""

from __future__ import annotations

import json
import threading
from collections import deque
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

TOKEN = "1234567890:AAH_token-of-a-bot-that-nobody-has-made"
CHAT = "4242"
URL = f"tgram://{TOKEN}/{CHAT}/"
HANG = 0
_HANG_SECONDS = 120


class BotApi:
    """A server. ``answers`` are the statuses of the next requests, then all are taken; ``HANG`` answers late."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.texts: list[str] = []
        self.pictures: list[bytes] = []
        self.requests = 0
        self.release = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            """One request to the bot."""

            def do_POST(self) -> None:
                """Take a message, or fail."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.requests += 1
                status = api.answers.popleft() if api.answers else 200
                if status == HANG:
                    api.release.wait(_HANG_SECONDS)
                    status = 200
                if not self.path.startswith(f"/bot{TOKEN}/"):
                    status = 401
                answer = (
                    api.taken(self.path.rpartition("/")[2], body, self.headers) if status == 200 else refused(status)
                )
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the server
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        """What stands before the token."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/bot"

    def taken(self, method: str, body: bytes, headers: Message) -> dict[str, Any]:
        """Keep a message."""
        if method.lower() == "sendmessage":
            self.texts.append(json.loads(body)["text"])
        else:
            self.pictures.append(body)
        return {"ok": True, "result": {"message_id": self.requests}}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def refused(status: int) -> dict[str, Any]:
    """The answer of a failure."""
    more = {"parameters": {"retry_after": 7}} if status == 429 else {}
    return {"ok": False, "error_code": status, "description": f"status {status}", **more}
