"""The metadata store in memory: under the contract, so that tests may stand on it."""

from __future__ import annotations

import pytest

from storage_adapters import ListQuery, UnknownStore, open_metadata_store
from storage_adapters.metadata.memory import MemoryMetadataStore
from tests.contract.metadata_scenes import add, make_record, walk
from tests.contract.whole_store import WholeStoreContract


class TestMemoryMetadataStore(WholeStoreContract):
    @pytest.fixture
    def store(self) -> MemoryMetadataStore:
        return MemoryMetadataStore()


def test_every_store_in_memory_is_a_fresh_one() -> None:
    add(open_metadata_store("memory://"), make_record())
    assert walk(open_metadata_store("memory://"), ListQuery()) == []


@pytest.mark.parametrize("url", ["memory://x", "memory:///x", "memory://?x=1", "memory:x"])
def test_a_url_with_anything_else_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore, match="no address and no options"):
        open_metadata_store(url)
