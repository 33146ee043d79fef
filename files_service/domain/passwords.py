"""Rules of passwords. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from storage_adapters import fold, typed_form

MIN_BYTES = 10
MAX_BYTES = 1_024
# Fewer different characters than this make a password like "aaaaaaaaaa" or "abababab12".
MIN_DIFFERENT = 5


def fault_of_password(password: str, name: str, common: AbstractSet[str]) -> str | None:
    """Return the reason to refuse a new password, None for a good one. ``common`` has passwords in lower case."""
    try:
        length = len(password.encode())
    except UnicodeEncodeError:
        return "Must be Unicode text."
    if not MIN_BYTES <= length <= MAX_BYTES:
        return f"Must be {MIN_BYTES} to {MAX_BYTES} bytes long."
    folded = fold(password)
    if len(set(folded)) < MIN_DIFFERENT:
        return "Repeats too few characters."
    if folded in common or folded.strip("0123456789!.") in common:
        return "Is one of the passwords that are tried first."
    if len(name) >= MIN_DIFFERENT and name in folded and length - len(name.encode()) < MIN_DIFFERENT:
        return "Is little more than the name of the account."
    return None


def password_bytes(password: str) -> bytes:
    """Return the bytes that are hashed: the same for each way in which a keyboard composes a character."""
    return typed_form(password).encode(errors="surrogatepass")
