"""Checks of ``files doctor`` for the secrets, and for the key that comes from one of them."""

from __future__ import annotations

import stat

from files_service.cli.finding import Finding
from files_service.config import Settings
from files_service.services.receipts import ReceiptSigner


def check_secrets(settings: Settings) -> Finding:
    """Look who can read the secrets in the data folder."""
    folder = settings.data_dir / "secrets"
    if not folder.exists():
        return Finding("secrets", "all secrets come from the environment")
    private = stat.S_IRWXG | stat.S_IRWXO
    open_to_others = [path for path in (folder, *folder.iterdir()) if path.stat().st_mode & private]
    if open_to_others:
        names = " ".join(map(str, open_to_others))
        return Finding("secrets", f"other users can read {names}", f"chmod go= {names}")
    return Finding("secrets", f"only the owner can read {folder}")


def check_receipts(settings: Settings) -> Finding:
    """Show the key that `files verify-receipt` is to trust."""
    return Finding("receipts", f"signed by the key {ReceiptSigner(settings.signing_key).public_key}")
