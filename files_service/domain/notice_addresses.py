"""Addresses of channels that owners may choose: only of services whose addresses name no host. Pure.

The server calls such an address, so none of them may lead to a place of somebody's choice, within the own network above
all. Each form has its secrets and chats, and no options of apprise.
"""

from __future__ import annotations

import re

_FORMS = {
    "discord": r"discord://[0-9]{1,30}/[A-Za-z0-9_-]{20,200}/?",
    "pover": r"pover://[A-Za-z0-9]{30}@[A-Za-z0-9]{30}/?",
    "slack": r"slack://[A-Za-z0-9]{1,20}/[A-Za-z0-9]{1,20}/[A-Za-z0-9]{1,50}/?",
    "tgram": r"tgram://[0-9]{1,20}:[A-Za-z0-9_-]{20,100}(/(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})){1,5}/?",
}
SERVICES = tuple(_FORMS)


def service_of(url: str) -> str | None:
    """Return the service of an address, None for one of no form."""
    service = url.partition("://")[0]
    form = _FORMS.get(service)
    return service if form is not None and re.fullmatch(form, url, re.ASCII) else None
