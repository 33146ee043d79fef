"""``files verify-receipt``: verification of a signed receipt without the service."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import xxhash

from files_service.cli.manifests import Hashed, newest_manifest
from files_service.cli.session import Failed
from files_service.domain.mhl import FOLDER
from files_service.domain.sizes import number_of
from files_service.ingest.junk import is_junk
from files_service.runtime.terminal import echo, printable
from files_service.services.receipts import MAX_BYTES, BadReceipt, fingerprint, verified

_PIECE = 1024 * 1024
_MOST_NAMED = 20


@click.command("verify-receipt")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", metavar="KEY", help="The key to trust: `files doctor` prints that of a service.")
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
    advice = "" if key else ": compare it with the key of your service"
    echo(f"signed by {signer} ({fingerprint(signer)}){advice}", err=as_json)
    if tree is not None:
        echo(f"{_compare(receipt, tree)} as in the receipt", err=as_json)


def _show(receipt: dict[str, Any]) -> None:
    verdict = receipt.get("verdict") or {}
    signed_at = datetime.fromtimestamp(receipt.get("signed_at", 0) / 1000, UTC)
    echo(f"{verdict.get('text', 'no verdict')}")
    echo(f"session {receipt.get('session_id')}, card {receipt.get('card_id')}, signed {signed_at:%Y-%m-%d %H:%M} UTC")


def _compare(receipt: dict[str, Any], tree: Path) -> str:
    """Hash the files of a folder and return their number. Raises Failed when they are not those of the receipt."""
    sums, found = dict[str, str](), dict[str, Hashed]()
    for path in _paths(tree):
        sums[path], found[path] = _hash(tree / path)
    # Systems leave files in a folder that is looked at, which no receipt has.
    wanted = {path: hashed for path, hashed in found.items() if not _is_junk(path)}
    for files in (found, wanted):
        if _sealed(files, sums) == receipt.get("files_sha256"):
            return number_of(len(files), "file")
    advice = _name_differing(tree, found)
    told = f"{receipt.get('files')} and {receipt.get('bytes')}"
    has = f"{number_of(len(found), 'file')} and {number_of(sum(each.size for each in found.values()), 'byte')}"
    raise Failed(
        f"the folder differs from the receipt: it has {has}, the receipt {told}",
        advice,
    )


def _is_junk(path: str) -> bool:
    return any(map(is_junk, path.split("/")))


def _sealed(files: Mapping[str, Hashed], sums: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for path, hashed in files.items():
        digest.update(os.fsencode(f"{path}\0{hashed.size}\0{sums[path]}\n"))
    return digest.hexdigest()


def _hash(file: Path) -> tuple[str, Hashed]:
    """Return the SHA-256 of a file, and what a manifest says of it."""
    sha256, xxh64, size = hashlib.sha256(), xxhash.xxh64(), 0
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                sha256.update(piece)
                xxh64.update(piece)
                size += len(piece)
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error
    return sha256.hexdigest(), Hashed(size, xxh64.hexdigest())


def _name_differing(tree: Path, found: Mapping[str, Hashed]) -> str:
    """Print the files that differ from the newest manifest of a folder; return advice where there is none to print."""
    manifest = newest_manifest(tree)
    if manifest is None:
        return "The receipt names no files. The folder `ascmhl` of an export has a manifest, by which they are named."
    # So many files of a system would stand before those that differ.
    found = {path: each for path, each in found.items() if path in manifest.files or not _is_junk(path)}
    lines = [f"missing: {path}" for path in manifest.files.keys() - found.keys()]
    lines += [f"other bytes: {path}" for path, told in manifest.files.items() if found.get(path, told) != told]
    lines += [f"not in the manifest: {path}" for path in found.keys() - manifest.files.keys()]
    for line in sorted(lines)[:_MOST_NAMED]:
        echo(printable(line), err=True)
    if len(lines) > _MOST_NAMED:
        echo(f"and {len(lines) - _MOST_NAMED} more", err=True)
    return "" if lines else f"The folder is as in {FOLDER}/{manifest.name}: the receipt is one of other files."


def _paths(tree: Path) -> list[str]:
    """Return the paths of all files but manifests, in the order of their bytes."""
    found = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted((path.as_posix() for path in found if path.parts[0] != FOLDER), key=os.fsencode)
