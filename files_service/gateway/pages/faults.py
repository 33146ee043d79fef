"""Faults of the forms of people: each a sentence, and the field that it belongs to."""

from __future__ import annotations

from typing import NamedTuple

from files_service.errors import BadRequest, Conflict, FilesError, Forbidden, TooManyRequests, Unauthorized

_ENDED = "it was used already, has expired, or was replaced. Ask for a new one."
_BUSY = "Many people are signing in at the moment. Try again in a few seconds."
_NAME = "Use the letters a to z, digits, and . _ - after a letter or digit; no spaces."
_LENGTH = "The password needs 10 characters or more."


class Fault(NamedTuple):
    """A sentence about a field, "" for the form as a whole."""

    field: str
    text: str


def fault_of_sign_in(error: FilesError) -> Fault:
    """Return the fault of a sign-in. Unknown names, wrong passwords and closed accounts are the same one."""
    match error.details.get("totp"):
        case "required":
            return Fault("code", "Enter the code that your authenticator app shows now.")
        case "wrong":
            return Fault("code", "This code is wrong or was used already. Enter the next one, or a recovery code.")
    if isinstance(error, Unauthorized | BadRequest):
        return Fault("password", "The name or the password is wrong.")
    return _fault_of_service(error)


def fault_of_link(error: Unauthorized) -> Fault:
    """Return the fault of a sign-in link."""
    reason = str(error)
    if "used" in reason:
        return Fault("link", "Not signed in: this link was used already. Each link signs in once.")
    if "expired" in reason:
        return Fault("link", "Not signed in: this link has expired.")
    return Fault("link", "Not signed in: this is not a sign-in link of this service. Copy the whole link.")


def fault_of_joining(error: FilesError, *, has_code: bool) -> Fault:
    """Return the fault of a new account."""
    if isinstance(error, Unauthorized):
        return Fault("code", f"This invite has ended: {_ENDED}" if has_code else "An account needs an invite here.")
    if isinstance(error, Forbidden):
        return Fault("", "Nobody can make an account here at the moment. Ask whoever runs this service.")
    if isinstance(error, Conflict):
        return Fault("name", "This name is taken. Choose another one.")
    return _fault_of_fields(error) or _fault_of_service(error)


def fault_of_reset(error: FilesError) -> Fault:
    """Return the fault of a new password."""
    if isinstance(error, Unauthorized):
        return Fault("code", f"This link has ended: {_ENDED}")
    return _fault_of_fields(error) or _fault_of_service(error)


def shown_pause(seconds: int) -> str:
    """Return a pause in words."""
    if seconds > 90:
        return f"{round(seconds / 60)} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


def fault_of_pause(error: TooManyRequests) -> str:
    """Return the sentence for too many attempts."""
    return f"Too many attempts. Try again in {shown_pause(int(error.details.get('retry_after_seconds', 1)))}."


def _fault_of_fields(error: FilesError) -> Fault | None:
    fields = error.details.get("fields", {}) if isinstance(error, BadRequest) else {}
    if "name" in fields:
        return Fault("name", _NAME)
    if "password" in fields:
        reason = fields["password"][0]
        is_length = reason.startswith("Must be ")
        return Fault("password", _LENGTH if is_length else f"The password {reason[:1].lower()}{reason[1:]}")
    return Fault("code", "This is not the code of a link.") if fields else None


def _fault_of_service(error: FilesError) -> Fault:
    if isinstance(error, TooManyRequests):
        return Fault("", fault_of_pause(error))
    return Fault("", _BUSY if error.http_status == 503 else f"{str(error).capitalize()}.")
