"""Forms, with a bound on the bytes before the first field."""

from __future__ import annotations

from aiohttp import MultipartReader, web

from files_service.gateway.replies import bad_field


class BoundedForm(MultipartReader):
    """The fields of a form. aiohttp reads what stands before them line by line, however many lines there are."""

    def __init__(self, request: web.Request, most: int) -> None:
        super().__init__(request.headers, request.content)
        self._left = most

    async def _readline(self) -> bytes:
        line = await super()._readline()
        if self._at_bof:
            self._left -= len(line)
            if self._left < 0:
                raise bad_field("body", "Too much stands before the first field of the form.")
        return line
