"""The texts of notices: templates in a sandbox, with lines and lengths that names from outside cannot break."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from files_service.domain.notices import MAX_TEXT, Kind, Notice, shortened
from files_service.domain.sizes import shown_size
from storage_adapters import category_of

MAX_NAME = 120

_CARD = "{{ (label or camera or card_id)|name }}{% if camera and label %} ({{ camera|name }}){% endif %}"
_FILES = "{{ files_done }} of {{ files }} {{ 'file' if files == 1 else 'files' }}, {{ bytes_done|size }}"
_TAIL = "{% if owner %}\nOwner: {{ owner|name }}{% endif %}"
_FREE = "{{ free|size }} of {{ total|size }} are free ({{ (100 * free / total)|round|int if total else 0 }} %)"
_LEFT = (
    "{% if days_left == 0 %}, less than a day left at the present pace"
    "{% elif days_left is not none %}, about {{ days_left }} {{ 'day' if days_left == 1 else 'days' }} left"
    " at the present pace{% endif %}"
)

TEMPLATES: Mapping[Kind, str] = {
    Kind.CARD_FOUND: f"Card inserted: {_CARD}{{% if size_bytes %}}, {{{{ size_bytes|size }}}}{{% endif %}}"
    "{% if host %}, at {{ host|name }}{% endif %}" + _TAIL,
    Kind.CARD_UNKNOWN: f"Unknown card: {_CARD}{{% if size_bytes %}}, {{{{ size_bytes|size }}}}{{% endif %}}"
    "{% if host %}, at {{ host|name }}{% endif %}\nNothing is copied. To take it: files watch allow {{ card_id|name }}"
    + _TAIL,
    Kind.SESSION_COMPLETE: f"Card copied: {_CARD}\n{_FILES}"
    "{% if known %}, {{ known }} known before{% endif %}\nFolder: {{ folder|name }}\nDo not format it yet." + _TAIL,
    Kind.SESSION_FAILED: f"Card copied with errors: {_CARD}\n{_FILES}\n"
    "{{ failed }} {{ 'file' if failed == 1 else 'files' }} could not be taken. Do not format the card." + _TAIL,
    Kind.SESSION_INTERRUPTED: f"Copying stopped {{{{ minutes }}}} minutes ago: {_CARD}\n{_FILES}\n"
    "Insert the card again to go on. Do not format it." + _TAIL,
    Kind.SAFE: f"{{{{ verdict|name(500) }}}}\nCard: {_CARD}" + _TAIL,
    Kind.COPIED_NOT_VERIFIED: f"{{{{ verdict|name(500) }}}}\nCard: {_CARD}" + _TAIL,
    Kind.NOT_SAFE: f"{{{{ verdict|name(500) }}}}\nCard: {_CARD}"
    "{% for each in reasons[1:] %}\n- {{ each|name(200) }}{% endfor %}" + _TAIL,
    Kind.UPLOAD_EXPIRED: "Upload expired: {{ (path or name)|name }}{% if size %}, {{ size|size }}{% endif %}" + _TAIL,
    Kind.DEAD_LETTERS: "Queue door: {{ letters }} dead {{ 'letter' if letters == 1 else 'letters' }}, {{ new }} new",
    Kind.DISK_LOW: f"Little space on the disk of {{{{ disk|name }}}}: {_FREE}{_LEFT}",
    Kind.DISK_CRITICAL: f"CRITICAL: almost no space on the disk of {{{{ disk|name }}}}: {_FREE}{_LEFT}",
    Kind.DISK_OK: f"Enough space again on the disk of {{{{ disk|name }}}}: {_FREE}",
    Kind.DIGEST: "Day to {{ at|time }}: {{ files }} {{ 'file' if files == 1 else 'files' }}, {{ bytes|size }} in all"
    "{% if files_more > 0 %}, {{ files_more }} {{ 'file' if files_more == 1 else 'files' }} more than"
    " the day before{% endif %}"
    "{% for kind, count in counts.items() %}\n{{ kind }}: {{ count }}{% endfor %}"
    "{% if not counts %}\nNothing happened.{% endif %}",
    Kind.TEST: "Test of the channel {{ channel|name }}: it works.",
}


def text_of(notice: Notice) -> str:
    """Return the plain text of a notice."""
    facts = {"owner": notice.owner, "at": notice.at, **notice.facts}
    return shortened(_template(notice.kind).render(facts), MAX_TEXT)


def shown_name(text: Any, limit: int = MAX_NAME) -> str:
    """Return a text from outside in one line: without control characters, and not too long."""
    plain = "".join("\N{REPLACEMENT CHARACTER}" if category_of(each)[0] == "C" else each for each in str(text))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


@cache
def _template(kind: Kind) -> Any:
    return _environment().from_string(TEMPLATES[kind])


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # Plain text: nothing is escaped here, and a channel with markup escapes all of it.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.filters["name"] = shown_name
    environment.filters["size"] = shown_size
    environment.filters["time"] = lambda at: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at / 1_000))
    return environment
