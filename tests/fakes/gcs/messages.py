"""Requests and answers, as the handlers of both APIs see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import unquote

from tests.fakes.gcs.errors import bad_request
from tests.fakes.gcs.objects import Conditions

PIECE = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """Status, headers, body; the body of a big answer comes in pieces, with its length in the headers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


def json_answer(value: Any, *, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of the JSON API."""
    kind = {"Content-Type": "application/json; charset=UTF-8"}
    return Answer(200, {**kind, **(headers or {})}, json.dumps(value).encode())


class Request:
    """One request. ``path`` is as it was sent, with its percent signs; ``query`` is decoded."""

    def __init__(self, method: str, target: str, headers: Message, read: Callable[[int], bytes]) -> None:
        self.method = method
        self.path, _, self.raw_query = target.partition("?")
        self.headers = headers
        self._read = read

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters in their order; a plus sign is a plus sign."""
        pairs = [each.partition("=") for each in self.raw_query.split("&") if each]
        return [(unquote(name), unquote(value)) for name, _, value in pairs]

    def param(self, name: str, default: str | None = None) -> str | None:
        """One parameter."""
        return next((value for key, value in self.query if key == name), default)

    def require(self, name: str) -> str:
        """One parameter; 400 without it."""
        value = self.param(name)
        if value is None:
            raise bad_request(f"Required parameter: {name}")
        return value

    def header(self, name: str) -> str | None:
        """One header."""
        value: str | None = self.headers.get(name)
        return value

    @property
    def length(self) -> int | None:
        """What Content-Length says."""
        text = self.header("Content-Length")
        return int(text) if text else None

    def pieces(self) -> Iterable[bytes]:
        """The body in pieces; ends early when the client goes."""
        while piece := self._read(PIECE):
            yield piece

    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces())

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, {} when it is empty."""
        try:
            value = json.loads(self.body() or b"{}")
        except ValueError:
            raise bad_request("Parse Error", code="ParseError") from None
        if not isinstance(value, dict):
            raise bad_request("Parse Error", code="ParseError")
        return value

    def conditions(self) -> Conditions:
        """The preconditions, as either API writes them."""

        def number(param: str, header: str) -> int | None:
            text = self.param(param) or self.header(header)
            if text is not None and not text.isdecimal():
                raise bad_request(f"Invalid value for {param}")
            return None if text is None else int(text)

        return Conditions(
            generation=number("ifGenerationMatch", "x-goog-if-generation-match"),
            generation_not=number("ifGenerationNotMatch", "x-goog-if-generation-not-match"),
            metageneration=number("ifMetagenerationMatch", "x-goog-if-metageneration-match"),
        )
