"""Fields of forms (RFC 7578): the next one, its name and its file name, however they are written."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.http_exceptions import HttpProcessingError

from files_service.errors import UnsupportedType
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.transfer.min_rate import MinRate

# Raised by the parser for parts whose headers, boundaries or ``_charset_`` are no form.
_NO_FORM = (ValueError, AssertionError, RuntimeError, LookupError, HttpProcessingError)
# Values of headers of a field that leave its bytes as they are.
_PLAIN = {"Content-Transfer-Encoding": ("binary", "8bit", "7bit"), "Content-Encoding": ("identity",)}


class FormReader(MultipartReader):
    """Reader of a form, with a bound on the bytes before its first field.

    The library reads what stands before it line by line, however many lines there are; and it reads a first field
    ``_charset_`` itself, but not the boundary behind it.
    """

    _fetched = False

    def __init__(
        self, headers: Mapping[str, str], content: StreamReader, *, most_before: int = 0, **options: Any
    ) -> None:
        # The library makes readers of forms within forms by the same class.
        super().__init__(headers, content, **options)
        self._left = most_before

    async def _readline(self) -> bytes:
        line = await super()._readline()
        if self._at_bof:
            self._left -= len(line)
            if self._left < 0:
                raise bad_field("body", "Too much stands before the first field of the form.")
        return line

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """See ``MultipartReader``."""
        self._fetched = False
        return await super().next()

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader:
        """See ``MultipartReader``."""
        if self._fetched:
            await self._read_boundary()
        self._fetched = True
        return await super().fetch_next_part()


async def next_field(reader: MultipartReader, pace: MinRate) -> BodyPartReader | None:
    """Return the next field, None after the last one. Raises HTTPError for what is no form."""
    try:
        # The bytes between two fields are not counted.
        field = await pace.wait(reader.next(), lambda _: 0)
    except _NO_FORM:
        raise no_form() from None
    if field is not None and not isinstance(field, BodyPartReader):
        raise bad_field("file", "Send one file, as the last field of the form.")
    return field


def names_of(field: BodyPartReader) -> tuple[str | None, str | None]:
    """Return the name of a field and the name of its file. Raises HTTPError, also for a field that is encoded.

    Browsers write a backslash as it is; only before a quote or a backslash it is an escape. A long file name may be cut
    into ``filename*0``, ``filename*1`` and so on (RFC 2231).
    """
    header = Message()
    try:
        said = field.headers.get("Content-Disposition", "").encode().decode()
        header["Content-Disposition"] = said
        name = header.get_param("name", header="Content-Disposition")
        names = name if isinstance(name, str) else None, header.get_filename()
    except _NO_FORM:
        raise no_form() from None
    _require_plain(field, names[0] or "field")
    return names


def _require_plain(field: BodyPartReader, name: str) -> None:
    """Raise HTTPError with 415 for a field whose bytes are not as they are to be stored (RFC 7578, 4.7)."""
    for header, plain in _PLAIN.items():
        if field.headers.get(header, plain[0]).strip().lower() not in plain:
            message = f"Send its bytes as they are, without {header}."
            raise HTTPError(UnsupportedType(f"{name[:100]}: {message}", {"fields": {name[:100]: [message]}}))


def no_form() -> HTTPError:
    """Make the error for a body that is no form."""
    return bad_field("body", "Not a form.")
