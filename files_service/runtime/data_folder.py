"""The data folder and the secrets that it keeps."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


class UnkeptSecret(Exception):
    """A secret that cannot be stored, or that another user knows; the message says why."""


def make_private(folder: Path) -> None:
    """Create a folder, if it does not exist, that only its owner can enter, whatever the umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def kept_secret(data_dir: Path, name: str, *, make: bool) -> str:
    """Read the secret from the data folder; with ``make`` the first process that needs it creates it, else it is "".

    Raises UnkeptSecret.
    """
    path = data_dir / "secrets" / name
    try:
        if not make and not path.exists():
            return ""
        for folder in (data_dir, path.parent):
            make_private(folder)
        if not path.exists():
            draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            # Linking fails when another process was faster; its secret is used.
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        if path.stat().st_uid not in (0, os.geteuid()):
            raise UnkeptSecret(f"{path} belongs to another user, who knows the secret; delete it")
        return path.read_text().strip()
    except OSError as error:
        raise UnkeptSecret(f"cannot store {name} in {path.parent}: {error.strerror}") from error


def secret_or_file(value: str) -> str:
    """Return the text of the file that a value names, or the value itself if it is no path. Raises UnkeptSecret."""
    if not value.startswith(("/", "./", "../")):
        return value
    path = Path(value)
    try:
        if path.stat().st_mode & 0o077:
            raise UnkeptSecret(f"others can read {path}; run: chmod 600 {path}")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UnkeptSecret(f"cannot read {path}: {error}") from error
