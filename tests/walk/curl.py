"""Requests by curl, each a process of its own, and a record of the routes that they reached."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Walk:
    """A service at an address, and the requests that were made of it."""

    url: str
    folder: Path
    reached: set[tuple[str, str]] = field(default_factory=set)

    def missing(self, routes: Iterable[tuple[str, str]]) -> list[str]:
        """The routes, by method and template, that no request has reached."""
        return [f"{method} {path}" for method, path in routes if not self._has_reached(method, path)]

    def _has_reached(self, method: str, template: str) -> bool:
        pattern = re.compile(re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(template)))
        return any(made == method and pattern.fullmatch(path) for made, path in self.reached)

    def run(self, method: str, path: str, *arguments: str) -> Answer:
        """Make a request."""
        url = path if path.startswith("http") else self.url + path
        head, body = self.folder / "head", self.folder / "body"
        body.write_bytes(b"")
        how = ["--head"] if method == "HEAD" else ["--request", method]
        command = ["curl", "-sS", "--max-time", str(MAX_SECONDS), *how, "-D", str(head), "-o", str(body)]
        done = subprocess.run([*command, *arguments, url], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.reached.add((method, url.removeprefix(self.url).partition("?")[0]))
        # Of several heads, as after 100 Continue, the last one.
        first, *lines = head.read_text().strip().split("\n\n")[-1].splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers, b"" if method == "HEAD" else body.read_bytes())

    def first_line(self, path: str, *arguments: str) -> bytes:
        """Return the first line of a stream that does not end by itself."""
        command = ["curl", "-sSN", "--max-time", str(MAX_SECONDS), *arguments, self.url + path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            process.kill()
        self.reached.add(("GET", path))
        return line


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or with none."""

    walk: Walk
    token: str = ""

    def __call__(
        self,
        method: str,
        path: str,
        wanted: int = 200,
        /,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Any:
        """Make a request and return its JSON, or its bytes where it is none; the status must be ``wanted``."""
        answer = self.ask(method, path, data=data, headers=headers, **body)
        assert answer.status == wanted, (method, path, answer.status, answer.body[:500])
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json if is_json and answer.body else answer.body

    def ask(
        self,
        method: str,
        path: str,
        /,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        """Make a request with raw bytes, or with the other arguments as JSON."""
        said = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body:
            data, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        arguments = [each for name, value in {**said, **(headers or {})}.items() for each in ("-H", f"{name}: {value}")]
        if data is not None:
            sent = self.walk.folder / "sent"
            sent.write_bytes(data)
            arguments += ["--data-binary", f"@{sent}"]
        return self.walk.run(method, path, *arguments)
