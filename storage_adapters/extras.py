"""Client libraries that an extra of the package brings."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from storage_adapters.errors import UnknownStore

# The extra by the name under which its library is imported.
_EXTRAS = {"redis": "redis", "couchdb": "couchdb", "google": "gcs", "boto3": "s3", "botocore": "s3"}


def import_adapter(name: str) -> ModuleType:
    """Import the module of an adapter. Raises UnknownStore when its client library is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise UnknownStore(f"{error.name} is not installed; run: pip install 'files-service[{extra}]'") from error
