"""``Content-Disposition`` (RFC 6266, RFC 8187) for Unicode names. Pure."""

from __future__ import annotations

from urllib.parse import quote

from storage_adapters import ascii_form, category_of

# Refused by file systems, the end of a quoted string, or unescaped by browsers.
_UNSAFE = frozenset('"%/\\:*?<>|')
_FALLBACK = "file"
# Joiners of letters and emoji, and the tags of which flags of regions are made.
_JOINING = frozenset(("\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))))
# Types that a browser shows without running scripts. SVG is not one of them.
_SHOWN = {
    "image": frozenset({"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"}),
    "video": frozenset({"video/mp4", "video/ogg", "video/quicktime", "video/webm"}),
    "audio": frozenset({"audio/aac", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav", "audio/webm"}),
}


def content_disposition(kind: str, name: str) -> str:
    """Return the header: an ASCII name for old clients, the real one for all others."""
    real = safe_name(name)
    plain = ascii_form(real)
    plain = "".join("_" if c in _UNSAFE else c for c in plain).strip()
    # What is left of a name in another script is its suffix, which alone would be a hidden file.
    plain = f"{_FALLBACK}{plain}" if not plain.strip(".") or plain.startswith(".") else plain
    header = f'{kind}; filename="{plain}"'
    return header if plain == real else f"{header}; filename*=UTF-8''{quote(real, safe='')}"


def preview_of(content_type: str) -> str:
    """Return the element that shows the type: ``image``, ``video``, ``audio``, or "" for none."""
    plain = content_type.partition(";")[0].strip().lower()
    return next((kind for kind, types in _SHOWN.items() if plain in types), "")


def safe_name(name: str) -> str:
    """Return the name without control and direction characters and path separators, which could disguise it.

    Format characters that belong to words and emoji stay.
    """
    dropped = ("Cc", "Cf", "Cs", "Zl", "Zp")
    kept = ("_" if c in "/\\" else c for c in name if c in _JOINING or category_of(c) not in dropped)
    return "".join(kept).strip(" .") or _FALLBACK
