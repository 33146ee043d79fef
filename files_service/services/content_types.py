"""Content types that the settings allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from files_service.core import Core
from files_service.errors import UnsupportedType


def content_type_allowed(content_type: str, allowed: tuple[str, ...]) -> bool:
    """Return True when the list has the type or its family (``image/*``); an empty list allows all."""
    plain = content_type.partition(";")[0].strip()
    return not allowed or plain in allowed or re.sub("/.*", "/*", plain) in allowed


def require_allowed(content_type: str, field: str, core: Core) -> None:
    """Raise UnsupportedType when the settings do not allow this type."""
    allowed = core.settings.allowed_content_types
    if not content_type_allowed(content_type, allowed):
        details = {"field": field, "allowed": list(allowed)}
        raise UnsupportedType(f"{content_type} is not allowed", details)


def require_allowed_changes(changes: Mapping[str, Any] | None, field: str, core: Core) -> None:
    """Raise UnsupportedType when an edit sets a type that the settings do not allow."""
    if changes and "content_type" in changes:
        require_allowed(changes["content_type"], f"{field}.content_type", core)
