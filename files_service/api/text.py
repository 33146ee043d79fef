"""Validators of text: accepted text can be encoded, stored, logged and put into a header."""

from __future__ import annotations

import re
from collections.abc import Callable

from marshmallow import ValidationError

# Lone surrogates cannot be encoded; C0 and C1 controls can forge log lines, headers and terminal output.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]")


def text(low: int, high: int) -> Callable[[str], None]:
    """Make a validator of text: length in characters, valid Unicode, no controls except tab and line breaks."""

    def check(value: str) -> None:
        if not low <= len(value) <= high:
            raise ValidationError(f"Must be {low} to {high} characters long.")
        if _CONTROLS.search(value):
            raise ValidationError("Must not contain control characters.")

    return check


def line(low: int, high: int, *, may_be_blank: bool = False) -> Callable[[str], None]:
    """Make a validator of single-line text without tabs that is not blank, unless it may be."""
    check_text = text(low, high)

    def check(value: str) -> None:
        check_text(value)
        if _BREAKS.search(value):
            raise ValidationError("Must be one line without tabs.")
        if not (may_be_blank or value.strip()):
            raise ValidationError("Must not be blank.")

    return check
