"""Documents between two stores: followed in the feed with the files, filled at once, compared and repaired."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from click.testing import CliRunner

from storage_adapters import Document, DocumentKey, SupportsChanges, SupportsDocuments
from storage_adapters.ports.documents import TOMBSTONE_MS
from syncer.cli import cli
from syncer.feed import documents_of
from syncer.pair import Pair
from syncer.parity import Difference, differences, is_equal
from syncer.repair import mender, repair
from tests.contract.document_scenes import NOW, delete, make_document, put
from tests.contract.metadata_scenes import add, make_record, save
from tests.syncer.conftest import LOCAL_PAIRS, PAIRS
from tests.syncer.pairs import assert_equal, catch_up, make_syncer, numbered, open_pair_of, sync


def documents_in(store: SupportsDocuments) -> dict[DocumentKey, Document]:
    return {document.key: document for bucket in range(256) for document in store.bucket_documents(bucket)}


def assert_alike(pair: Pair) -> dict[DocumentKey, Document]:
    """Both stores hold the same documents, by what is stored, by the sums, and by the syncer's own word."""
    here = documents_in(pair.source)
    assert documents_in(pair.target) == here
    assert pair.source.document_digest() == pair.target.document_digest()
    assert list(differences(pair)) == []
    for document in here.values():
        for name in document.names:
            assert pair.target.resolve_document(document.collection, name, now=NOW) == document
    return here


def numbered_documents(count: int) -> list[Document]:
    return [
        make_document(f"d{number:03}", names=(f"n{number}",), order=f"{number % 5}", body={"number": number})
        for number in range(count)
    ]


@pytest.mark.parametrize("urls", PAIRS, indirect=True)
class TestOnEveryPair:
    def test_what_was_written_before_and_after_the_filling_is_copied(self, pair: Pair) -> None:
        add(pair.source, *numbered(5))
        stored = [put(pair.source, document) for document in numbered_documents(12)]
        delete(pair.source, stored[0])
        syncer = make_syncer(pair, batch=5)
        catch_up(syncer)
        assert len(assert_alike(pair)) == 11
        for number, document in enumerate(stored[1:], 1):
            if number % 3 == 0:
                delete(pair.source, document)
            else:
                put(pair.source, document, names=(f"n{number}", "x" * number), body={"new": number})
            save(pair.source, make_record(f"new{number}"))
        again = put(pair.source, make_document("d000", names=("n0",)))
        catch_up(syncer)
        syncer.give_up()
        assert len(assert_alike(pair)) == 9
        assert_equal(pair)
        assert pair.target.get_document(*again.key, now=NOW) == again
        assert isinstance(pair.target, SupportsChanges)
        assert pair.target.changes(after="", limit=9) == []
        assert pair.source.has_passed(pair.source.last_sequence(), pair.source.checkpoint(pair.consumer))

    def test_every_kind_of_difference_is_found_and_repaired(self, pair: Pair) -> None:
        stored = [put(pair.source, document) for document in numbered_documents(9)]
        sync(pair)
        assert is_equal(pair)
        pair.target.replicate_documents([replace(stored[0], body={"damaged": 1})], force=True)
        pair.target.replicate_documents([replace(stored[1], revision=stored[1].revision - 1)], force=True)
        pair.target.replicate_documents([replace(stored[2], revision=stored[2].revision + 9)], force=True)
        pair.target.discard_documents([stored[3].key])
        pair.target.replicate_documents([make_document("extra", revision=4, names=("extra",))])
        assert not is_equal(pair)
        found = {each.file_id: (each.collection, each.kind) for each in differences(pair)}
        kinds = {"d000": "different", "d001": "older", "d002": "newer", "d003": "missing", "extra": "extra"}
        assert found == {document_id: ("accounts", kind) for document_id, kind in kinds.items()}
        mend = mender(pair, to_source=False)
        assert all(mend(difference) for difference in differences(pair))
        assert len(assert_alike(pair)) == 9
        assert is_equal(pair)


@pytest.mark.parametrize("urls", LOCAL_PAIRS, indirect=True)
class TestOnPairsWithoutCouchdb:
    def test_a_store_of_documents_alone_is_filled_and_pruned(self, pair: Pair) -> None:
        pair.source.replicate_documents([make_document("copied", revision=3)])
        pair.target.replicate_documents([make_document("old", revision=3, names=("n1",))])
        syncer = make_syncer(pair, accepted=True)
        catch_up(syncer)
        assert list(assert_alike(pair)) == [DocumentKey("accounts", "copied")]
        put(pair.source, make_document("d1", names=("n1",)))
        catch_up(syncer)
        syncer.give_up()
        assert len(assert_alike(pair)) == 2

    def test_a_repair_in_the_other_direction_makes_the_source_what_the_target_is(self, pair: Pair) -> None:
        stored = [put(pair.source, document) for document in numbered_documents(3)]
        sync(pair)
        pair.source.replicate_documents([replace(stored[0], body={"lost": 1})], force=True)
        pair.source.discard_documents([stored[1].key])
        mend = mender(pair, to_source=True)
        assert sorted(difference.file_id for difference in differences(pair) if mend(difference)) == ["d000", "d001"]
        assert documents_in(pair.source) == {document.key: document for document in stored}

    def test_a_deletion_is_repaired_where_an_older_state_came_back(self, pair: Pair) -> None:
        document = put(pair.source, make_document())
        tombstone = delete(pair.source, document)
        sync(pair)
        pair.target.replicate_documents([replace(document, revision=tombstone.revision + 5)], force=True)
        assert [each.kind for each in differences(pair)] == ["extra"]
        assert repair(document.key, leader=pair.source, follower=pair.target)
        assert pair.target.stored_documents([document.key]) == [tombstone]

    def test_what_is_on_its_way_is_told_as_lagging(self, pair: Pair) -> None:
        document = put(pair.source, make_document())
        sync(pair)
        later = put(pair.source, document, body={})
        told = list(differences(pair, wait_seconds=0))
        assert told == [
            Difference("d1", "older", later.revision, document.revision, lagging=True, collection="accounts")
        ]
        sync(pair)
        assert_alike(pair)

    def test_a_batch_has_each_document_once_with_its_last_state(self, pair: Pair) -> None:
        one = put(pair.source, make_document("d1"))
        two = put(pair.source, make_document("d2"))
        save(pair.source, make_record())
        one = put(pair.source, one, body={})
        tombstone = delete(pair.source, two)
        assert documents_of(pair.source.changes(after="", limit=9)) == [one, tombstone]

    def test_tombstones_are_forgotten_in_the_copy_too(self, pair: Pair) -> None:
        document = put(pair.source, make_document())
        sync(pair)
        assert pair.target.stored_documents([document.key]) == [document]
        delete(pair.source, document, NOW - TOMBSTONE_MS)
        # By the clock of the syncer the tombstone is old enough.
        sync(pair)
        assert pair.target.stored_documents([document.key]) == [None]
        assert_alike(pair)

    def test_copying_is_right_whatever_is_written_and_wherever_it_stops(self, pair: Pair) -> None:
        chosen = Random(7)
        stored: dict[str, Document] = {}
        syncer = make_syncer(pair, batch=3)
        for number in range(200):
            document_id = f"d{chosen.randrange(12)}"
            known = stored.get(document_id)
            if known is not None and chosen.random() < 0.4:
                delete(pair.source, known)
                del stored[document_id]
            else:
                known = known or make_document(document_id)
                stored[document_id] = put(
                    pair.source, known, body={"number": number}, names=(f"name of {document_id}",)
                )
            if chosen.random() < 0.3:
                save(pair.source, make_record(f"f{number}"))
            if chosen.random() < 0.5:
                syncer.step()
            if chosen.random() < 0.05:
                syncer.give_up()
                syncer = make_syncer(pair, batch=3)
        catch_up(syncer)
        syncer.give_up()
        assert assert_alike(pair) == {document.key: document for document in stored.values()}
        assert_equal(pair)


@pytest.fixture
def file_urls(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("stores")
    return f"sqlite:///{folder}/one.db", f"sqlite:///{folder}/two.db"


def test_the_commands_count_compare_and_repair_documents(file_urls: tuple[str, str]) -> None:
    pair = open_pair_of(*file_urls)
    document = put(pair.source, make_document())

    def run(command: str, *options: str) -> tuple[int, str]:
        arguments = [command, "--source", file_urls[0], "--target", file_urls[1], *options]
        result = CliRunner().invoke(cli, arguments)
        return result.exit_code, result.stdout

    assert run("once")[0] == 0
    status, text = run("status")
    assert status == 0
    assert "source_documents: 1\ntarget_documents: 1\nequal: True" in text
    pair.target.replicate_documents([replace(document, body={"damaged": 1})], force=True)
    status, text = run("verify", "--wait", "0")
    assert status == 1
    assert f"different accounts/d1 source {document.revision} target {document.revision}" in text
    status, text = run("verify", "--full", "--json", "--wait", "0")
    assert status == 1
    assert '"collection":"accounts"' in text
    assert run("repair", "--wait", "0")[0] == 0
    assert run("verify")[0] == 0
    assert_alike(pair)
    pair.close()
