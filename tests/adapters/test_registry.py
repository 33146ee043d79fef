"""Stores are opened by URL, and every store that can be opened is under its contract."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import (
    BLOB_STORES,
    METADATA_STORES,
    BlobOptions,
    BlobStore,
    MetadataStore,
    SupportsBulkImport,
    SupportsChanges,
    SupportsColdReads,
    SupportsCopies,
    SupportsCopy,
    SupportsCopyRepair,
    SupportsDigest,
    SupportsDocuments,
    SupportsFreeSpace,
    SupportsIdentity,
    SupportsLeases,
    SupportsListing,
    SupportsLocalFiles,
    SupportsPartUploads,
    SupportsPublicUrls,
    SupportsReplication,
    SupportsResumableUpload,
    SupportsSignedUrls,
    SupportsUploads,
    SupportsWholeWrites,
    UnknownStore,
    VerifiesSignedUrls,
    capabilities,
    open_blob_store,
    open_metadata_store,
)
from storage_adapters.ports.capabilities import BLOB_CAPABILITIES, METADATA_CAPABILITIES
from tests.contract import adoption, blobs, changes, digest, documents, identity, leases, metadata, replication, uploads

CONTRACTS: dict[type, type] = {
    MetadataStore: metadata.MetadataStoreContract,
    SupportsBulkImport: adoption.AdoptionContract,
    SupportsChanges: changes.ChangesContract,
    SupportsDigest: digest.DigestContract,
    SupportsDocuments: documents.DocumentsContract,
    SupportsIdentity: identity.IdentityContract,
    SupportsLeases: leases.LeasesContract,
    SupportsReplication: replication.ReplicationContract,
    SupportsUploads: uploads.UploadsContract,
    BlobStore: blobs.BlobStoreContract,
    SupportsCopy: blobs.CopyContract,
    SupportsLocalFiles: blobs.LocalFilesContract,
    SupportsPublicUrls: blobs.PublicUrlsContract,
    SupportsSignedUrls: blobs.SignedUrlsContract,
    VerifiesSignedUrls: blobs.VerifiedUrlsContract,
    SupportsListing: blobs.ListingContract,
    SupportsResumableUpload: blobs.ResumableUploadContract,
    SupportsPartUploads: blobs.PartUploadsContract,
    SupportsWholeWrites: blobs.WholeWritesContract,
    SupportsColdReads: blobs.ColdReadsContract,
    SupportsCopies: blobs.CopiesContract,
    SupportsCopyRepair: blobs.CopyRepairContract,
    SupportsFreeSpace: blobs.FreeSpaceContract,
}
ADAPTERS = sorted({*METADATA_STORES.values(), *BLOB_STORES.values()})


def adapter_class(location: str) -> type:
    module, _, name = location.partition(":")
    adapter: type = getattr(import_module(module), name)
    return adapter


def classes_of_tests() -> Iterator[type]:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = import_module(f"tests.adapters.{path.stem}")
        for name, value in vars(module).items():
            if name.startswith("Test") and isinstance(value, type):
                yield value


@pytest.mark.parametrize("location", ADAPTERS)
def test_every_adapter_is_tested(location: str) -> None:
    """The test classes of an adapter are named after it, and inherit the contract of all that the adapter inherits."""
    adapter = adapter_class(location)
    tests = [test for test in classes_of_tests() if test.__name__.startswith(f"Test{adapter.__name__}")]
    assert tests, f"tests/adapters has no class Test{adapter.__name__}"
    for port, contract in CONTRACTS.items():
        if issubclass(adapter, port):
            inherited = any(issubclass(test, contract) for test in tests)
            assert inherited, f"no Test{adapter.__name__}… inherits {contract.__name__}"


def test_every_capability_has_a_contract() -> None:
    assert set(METADATA_CAPABILITIES + BLOB_CAPABILITIES) <= CONTRACTS.keys()


@pytest.mark.parametrize("location", ADAPTERS)
def test_every_adapter_names_what_it_can_do(location: str) -> None:
    adapter = adapter_class(location)
    unopened: Any = object.__new__(adapter)
    named = [port for port in METADATA_CAPABILITIES + BLOB_CAPABILITIES if issubclass(adapter, port)]
    assert len(capabilities(unopened)) == len(set(capabilities(unopened))) == len(named)


def test_capabilities_are_named_in_words() -> None:
    assert capabilities(open_metadata_store("memory://")) == [
        "changes",
        "digest",
        "documents",
        "identity",
        "leases",
        "replication",
        "uploads",
    ]


def test_a_store_is_opened_by_the_scheme_of_its_url(tmp_path: Path) -> None:
    for url in ("memory://", f"sqlite:///{tmp_path}/files.db"):
        store = open_metadata_store(url)
        store.ping()
        assert type(store) is adapter_class(METADATA_STORES[url.partition(":")[0]])
        store.close()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("sqlit:///files.db", "did you mean sqlite://"),
        ("memroy://", "did you mean memory://"),
        ("oracle://db", "known schemes: memory://, sqlite://"),
        ("files.db", "a URL without a scheme"),
        ("", "a URL without a scheme"),
    ],
)
def test_an_unknown_scheme_is_refused_with_a_hint(url: str, hint: str) -> None:
    with pytest.raises(UnknownStore, match=hint):
        open_metadata_store(url)


def test_an_unknown_blob_store_is_refused_with_a_hint() -> None:
    with pytest.raises(UnknownStore, match="did you mean file://"):
        open_blob_store("fil:///srv", BlobOptions())
