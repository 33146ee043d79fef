"""Client libraries that an extra of the package brings."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from storage_adapters.errors import UnknownStore

# The extra by the name under which its library is imported.
_EXTRAS = {
    "redis": "redis",
    "hiredis": "redis",
    "couchdb": "couchdb",
    "google": "gcs",
    "boto3": "s3",
    "botocore": "s3",
}


def install_command(extra: str) -> str:
    """Return the command that installs an extra, in the clone: no index has the package."""
    return f".venv/bin/pip install -e '.[{extra}]' -c constraints.txt"


def import_adapter(name: str) -> ModuleType:
    """Import the module of an adapter. Raises UnknownStore when its client library is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise UnknownStore(f"{error.name} is not installed; run in the clone: {install_command(extra)}") from error
