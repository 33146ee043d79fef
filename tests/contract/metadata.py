"""What every metadata store must do, one class for the port; its capabilities and lists have modules of their own.

A subclass gives the fixture ``store``, an open and empty store; nothing else is overridden.
"""

from __future__ import annotations

from storage_adapters import (
    Access,
    FileStatus,
    MetadataStore,
    Tally,
    Usage,
)
from tests.contract.consistency import assert_consistent
from tests.contract.folders import FoldersContract
from tests.contract.listing import ListingContract
from tests.contract.metadata_deleting import DeletingContract
from tests.contract.metadata_names import NamesContract
from tests.contract.metadata_saving import SavingContract
from tests.contract.metadata_scenes import add, delete, make_record, save, various_records

THREADS = 8


class UsageContract:
    """Counters tell what is there, per owner and for everybody."""

    def test_an_empty_store_and_an_unknown_owner_hold_nothing(self, store: MetadataStore) -> None:
        assert store.usage(None) == Usage()
        add(store, make_record())
        assert store.usage("nobody") == Usage()
        assert store.usage("") == Usage()

    def test_files_are_counted_by_what_they_are(self, store: MetadataStore) -> None:
        add(
            store,
            make_record("f1", size=10),
            make_record("f2", size=20, access=Access.PUBLIC),
            make_record("f3", size=5, owner="bob", content_type="image/png", status=FileStatus.FAILED),
        )
        assert store.usage("ann") == Usage(
            total=Tally(files=2, bytes=30),
            by_access={"private": Tally(files=1, bytes=10), "public": Tally(files=1, bytes=20)},
            by_content_type={"video/mp4": Tally(files=2, bytes=30)},
            by_status={"pending": Tally(files=2, bytes=30)},
        )
        assert store.usage(None).total == Tally(files=3, bytes=35)
        assert store.usage(None).by_content_type["image/png"] == Tally(files=1, bytes=5)

    def test_counters_follow_every_change(self, store: MetadataStore) -> None:
        record = save(store, make_record(size=10))
        record = save(store, record, size=0)
        assert store.usage("ann").total == Tally(files=1, bytes=0)
        record = save(store, record, size=7, access=Access.SHARED, owner="bob", content_type="")
        assert store.usage("ann") == Usage()
        assert store.usage("bob").by_access == {"shared": Tally(files=1, bytes=7)}
        assert store.usage("bob").by_content_type == {"": Tally(files=1, bytes=7)}
        delete(store, record)
        assert store.usage("bob") == store.usage(None) == Usage()

    def test_owners_with_odd_names_are_kept_apart(self, store: MetadataStore) -> None:
        records = add(store, *various_records())
        counted = sum(store.usage(owner).total.files for owner in {r.owner for r in records})
        assert counted == sum(record.is_listed for record in records)
        assert_consistent(store)


class LivingContract:
    """A store answers until it is closed."""

    def test_an_open_store_answers_a_ping(self, store: MetadataStore) -> None:
        store.ping()

    def test_closing_twice_is_harmless(self, store: MetadataStore) -> None:
        add(store, make_record())
        store.close()
        store.close()


class MetadataStoreContract(
    SavingContract, DeletingContract, NamesContract, UsageContract, ListingContract, FoldersContract, LivingContract
):
    """The port ``MetadataStore``."""
