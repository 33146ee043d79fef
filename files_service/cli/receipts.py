"""``files verify-receipt``: verification of a signed receipt without the service."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from files_service.cli.session import Failed
from files_service.domain.mhl import FOLDER
from files_service.runtime.terminal import echo
from files_service.services.receipts import MAX_BYTES, BadReceipt, fingerprint, verified


@click.command("verify-receipt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", metavar="KEY", help="The public key to trust; `files verify-receipt` prints one.")
@click.option(
    "--tree",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Compare the files of this folder with the receipt.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def verify_receipt(*, file: Path, key: str, tree: Path | None, as_json: bool) -> None:
    """Verify a receipt of a card session; needs neither the service nor a network.

    Without --key, damage is found, and the signer is whoever has the key that is printed. Exit status 1 when the
    receipt was altered, has another signer, or a file of the folder differs.
    """
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    try:
        receipt, signer = verified(data, key=key)
    except BadReceipt as error:
        raise Failed(f"{file}: {error}") from None
    if as_json:
        echo(json.dumps(receipt, ensure_ascii=False, sort_keys=True))
    else:
        _show(receipt)
    echo(f"signed by {signer} ({fingerprint(signer)}){'' if key else ': compare it with the key of your service'}")
    if tree is not None:
        _compare(receipt, tree)


def _show(receipt: dict[str, Any]) -> None:
    verdict = receipt.get("verdict") or {}
    signed_at = datetime.fromtimestamp(receipt.get("signed_at", 0) / 1000, UTC)
    echo(f"{verdict.get('text', 'no verdict')}")
    echo(f"session {receipt.get('session_id')}, card {receipt.get('card_id')}, signed {signed_at:%Y-%m-%d %H:%M} UTC")


def _compare(receipt: dict[str, Any], tree: Path) -> None:
    """Hash the files of a folder. Raises Failed when they are not those of the receipt."""
    digest, files, size = hashlib.sha256(), 0, 0
    for path in _paths(tree):
        content = tree / path
        with content.open("rb") as opened:
            whole = hashlib.file_digest(opened, "sha256").hexdigest()
        length = content.stat().st_size
        digest.update(f"{path}\0{length}\0{whole}\n".encode())
        files, size = files + 1, size + length
    if digest.hexdigest() != receipt.get("files_sha256"):
        told = f"{receipt.get('files')} files of {receipt.get('bytes')} bytes"
        raise Failed(
            f"the folder has not the files of the receipt: {files} files of {size} bytes, the receipt has {told}",
            "A tool for the ASC Media Hash List names the files that differ, where the folder has a manifest.",
        )
    echo(f"{files} files are those of the receipt")


def _paths(tree: Path) -> list[str]:
    """Return the paths of all files but manifests, in the order of their bytes."""
    found = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted((path.as_posix() for path in found if path.parts[0] != FOLDER), key=str.encode)
