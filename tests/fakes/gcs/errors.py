"""What the APIs refuse, with the names that both of them use for it."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape


class Refused(Exception):
    """An answer that is an error: HTTP status, the XML API's code, the JSON API's reason."""

    def __init__(self, status: int, code: str, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason or code[:1].lower() + code[1:]

    def as_json(self) -> bytes:
        """The body that the JSON API sends."""
        errors = [{"message": self.message, "domain": "global", "reason": self.reason}]
        return json.dumps({"error": {"code": self.status, "message": self.message, "errors": errors}}).encode()

    def as_xml(self) -> bytes:
        """The body that the XML API sends."""
        return (
            f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{self.code}</Code>"
            f"<Message>{escape(self.message)}</Message></Error>"
        ).encode()


class ConnectionCut(Exception):
    """The connection is to end here, without an answer."""


def bad_request(message: str, *, code: str = "InvalidArgument") -> Refused:
    """400."""
    return Refused(400, code, message, reason="invalid")


def no_such_object(bucket: str, name: str) -> Refused:
    """404 for an object."""
    return Refused(404, "NoSuchKey", f"No such object: {bucket}/{name}", reason="notFound")


def no_such_bucket() -> Refused:
    """404 for a bucket."""
    return Refused(404, "NoSuchBucket", "The specified bucket does not exist.", reason="notFound")


def precondition_failed() -> Refused:
    """412."""
    message = "At least one of the pre-conditions you specified did not hold."
    return Refused(412, "PreconditionFailed", message, reason="conditionNotMet")
