"""Contract of a metadata store with every capability that all of ours have."""

from __future__ import annotations

from tests.contract.changes import ChangesContract
from tests.contract.digest import DigestContract
from tests.contract.identity import IdentityContract
from tests.contract.leases import LeasesContract
from tests.contract.metadata import MetadataStoreContract
from tests.contract.replication import ReplicationContract
from tests.contract.uploads import UploadsContract


class WholeStoreContract(
    MetadataStoreContract,
    ChangesContract,
    DigestContract,
    IdentityContract,
    LeasesContract,
    ReplicationContract,
    UploadsContract,
):
    """The port and its capabilities; documents, listing and bulk imports have suites of their own."""
