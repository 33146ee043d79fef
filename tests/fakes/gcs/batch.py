"""Batches: several requests of the JSON API in one body."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP

from tests.fakes.gcs.errors import bad_request
from tests.fakes.gcs.messages import Answer, Request

MAX_CALLS = 100


def handle_batch(request: Request, respond: Callable[[Request], Answer]) -> Answer:
    """Answer each request of the batch as if it had come alone."""
    match = re.search(r'boundary="?([^";]+)"?', request.header("Content-Type") or "")
    if match is None:
        raise bad_request("No boundary.")
    parts = re.split(rb"\r?\n?--" + re.escape(match[1].encode()) + rb"(?:--)?\r?\n?", request.body())
    calls = [part for part in parts if part.strip()]
    if len(calls) > MAX_CALLS:
        raise bad_request(f"A batch has at most {MAX_CALLS} calls.")
    boundary = f"batch_{uuid.uuid4().hex}"
    body = b"".join(f"--{boundary}\r\n".encode() + _answer(call, respond) for call in calls)
    headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    return Answer(200, headers, body + f"--{boundary}--\r\n".encode())


def _answer(call: bytes, respond: Callable[[Request], Answer]) -> bytes:
    about, inner = re.split(rb"\r?\n\r?\n", call.lstrip(), maxsplit=1)
    content_id = BytesParser(policy=HTTP).parsebytes(about + b"\r\n\r\n", headersonly=True).get("Content-ID", "<1>")
    line, _, rest = inner.lstrip().partition(b"\n")
    method, url, _ = line.decode().split()
    target = re.sub(r"^https?://[^/]+", "", url)
    head, _, body = re.sub(rb"\r\n", b"\n", rest).partition(b"\n\n")
    headers = BytesParser(policy=HTTP).parsebytes(head + b"\n\n", headersonly=True)
    answer = respond(Request(method, target, headers, io.BytesIO(body).read))
    content = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    lines = [
        "Content-Type: application/http",
        f"Content-ID: <response-{content_id.strip('<>')}>",
        "",
        f"HTTP/1.1 {answer.status} {'OK' if answer.status < 400 else 'Error'}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
        f"Content-Length: {len(content)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + content + b"\r\n"
