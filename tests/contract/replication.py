"""What a store with ``SupportsReplication`` must do: take files over as if they had been saved here."""

from __future__ import annotations

from tests.contract.replication_convergence import ConvergingContract
from tests.contract.replication_copies import CopyingContract, TombstoneCopyingContract
from tests.contract.replication_names import CopiedNamesContract
from tests.contract.replication_repairs import ForcingContract


class ReplicationContract(
    CopyingContract, TombstoneCopyingContract, CopiedNamesContract, ForcingContract, ConvergingContract
):
    """The capability ``SupportsReplication``."""
