"""What the description of the API says of the pages: not more than that they are there."""

from __future__ import annotations

from collections.abc import Callable

from storage_adapters import JSON

_TEXT = {"type": "string"}
_HTML = {"text/html": {"schema": _TEXT}}


def page_operations(errors: Callable[[tuple[int, ...]], JSON]) -> JSON:
    """The operations by path; ``errors`` makes the answers that refuse."""

    def operation(name: str, summary: str, parameters: list[JSON], responses: JSON) -> JSON:
        described = {"operationId": name, "summary": summary, "tags": ["pages"], "responses": responses}
        return {**described, "parameters": parameters} if parameters else described

    def parameter(name: str, place: str, description: str) -> JSON:
        return {
            "name": name,
            "in": place,
            "required": place == "path",
            "description": description,
            "schema": _TEXT,
        }

    def page(description: str) -> JSON:
        return {"description": description, "content": _HTML}

    stream = {"description": "Events, until the client goes.", "content": {"text/event-stream": {"schema": _TEXT}}}
    shared = {"200": {"description": "The page, or the bytes.", "content": {**_HTML, "*/*": {}}}}
    shared |= {str(status): page("A refusal, as a page.") for status in (400, 403, 404, 410, 412, 500, 501, 503)}
    raw = parameter("raw", "query", "1: the bytes instead of the page.")
    return {
        "/download/{file_id}": {
            "get": operation(
                "share_page", "What a shared link shows.", [parameter("file_id", "path", "The file."), raw], shared
            )
        },
        "/sign-in": {
            "get": operation(
                "sign_in",
                "Turn the token of a link into a cookie.",
                [parameter("token", "query", "An end user's token.")],
                {"200": page("Signed in."), "401": page("The token does not hold."), **errors((400, 500))},
            )
        },
        "/sign-out": {
            "post": operation(
                "sign_out", "Forget the cookie.", [], {"303": {"description": "To `/`."}, **errors((400, 500))}
            )
        },
        "/static/{name}": {
            "get": operation(
                "static",
                "A script or the style of the pages.",
                [parameter("name", "path", "The name of the file.")],
                {"200": {"description": "The file.", "content": {"*/*": {}}}, **errors((400, 404, 500))},
            )
        },
        "/api/events": {
            "get": {
                **operation("events", "What changes of the owner's files, as it happens.", [], {"200": stream}),
                "security": [{"bearer": []}],
                "responses": {"200": stream, **errors((400, 401, 403, 500, 501, 503))},
            }
        },
    }
