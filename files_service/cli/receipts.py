"""``files verify-receipt``: verification of a signed receipt without the service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import xxhash

from files_service.cli.session import Failed
from files_service.runtime.terminal import echo
from files_service.services.receipts import MAX_BYTES, BadReceipt, fingerprint, verified

_PIECE = 4 * 2**20


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
    """Hash the files of a folder. Raises Failed when any is missing or differs."""
    files = receipt.get("files") or []
    faults = [fault for entry in files if (fault := _fault(tree, entry))]
    for fault in faults:
        echo(fault, err=True)
    if faults:
        raise Failed(f"{len(faults)} of {len(files)} files differ from the receipt")
    echo(f"{len(files)} files are those of the receipt")


def _fault(tree: Path, entry: dict[str, Any]) -> str:
    path = tree / entry["path"]
    if not path.resolve().is_relative_to(tree.resolve()):
        return f"outside of the folder: {entry['path']}"
    if not path.is_file():
        return f"missing: {entry['path']}"
    digest = xxhash.xxh64()
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    same = path.stat().st_size == entry["size"] and digest.hexdigest() == entry["xxh64"]
    return "" if same else f"differs: {entry['path']}"
