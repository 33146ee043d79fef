"""``Content-Disposition`` (RFC 6266, RFC 8187) for Unicode names. Pure."""

from __future__ import annotations

from urllib.parse import quote

from storage_adapters import ascii_form, category_of

# Refused by file systems, the end of a quoted string, or unescaped by browsers.
_UNSAFE = frozenset('"%/\\:*?<>|')
_FALLBACK = "file"


def content_disposition(kind: str, name: str) -> str:
    """Return the header: an ASCII name for old clients, the real one for all others."""
    real = safe_name(name)
    plain = ascii_form(real)
    plain = "".join("_" if c in _UNSAFE else c for c in plain).strip()
    header = f'{kind}; filename="{plain or _FALLBACK}"'
    return header if plain == real else f"{header}; filename*=UTF-8''{quote(real, safe='')}"


def safe_name(name: str) -> str:
    """Return the name without control and direction characters and path separators, which could disguise it."""
    kept = ("_" if c in "/\\" else c for c in name if category_of(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return "".join(kept).strip(" .") or _FALLBACK
