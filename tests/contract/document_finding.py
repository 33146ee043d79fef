"""A collection in its order: prefixes, ranges, both directions, pages behind any position."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage_adapters import Document, DocumentPosition, DocumentQuery
from tests.contract.document_scenes import NOW, ORDERS, DocumentStore, make_document, put, walk

ALL = DocumentQuery(collection="accounts")


def filled(store: DocumentStore) -> list[Document]:
    """Documents of every order key, three of each, in their order; and one elsewhere."""
    put(store, make_document("elsewhere", collection="account", order="a"))
    put(store, make_document("elsewhere", collection="accounts_2", order="a"))
    documents = [make_document(f"{end}{number}", order=order) for number, order in enumerate(ORDERS) for end in "bac"]
    for document in documents:
        put(store, document)
    stored = [store.get_document(*document.key, now=NOW) for document in documents]
    return sorted(stored, key=lambda document: (document.order.encode(), document.document_id.encode()))


class DocumentFindingContract:
    """Pages are those of the sorted list."""

    @pytest.mark.parametrize("descending", [False, True])
    def test_ranges_and_prefixes_are_by_the_bytes_of_the_text(self, store: DocumentStore, descending: bool) -> None:
        documents = filled(store)[:: -1 if descending else 1]
        queries = [replace(ALL, prefix=text) for text in ORDERS]
        queries += [replace(ALL, first=text) for text in ORDERS]
        queries += [replace(ALL, end=text) for text in ORDERS]
        queries += [replace(ALL, first=first, end=end) for first in ORDERS[::3] for end in ORDERS[::4]]
        queries += [replace(ALL, prefix="a", first="a\0b", end="aaa"), replace(ALL, prefix="\U0010ffff")]
        for query in queries:
            wanted = [
                document
                for document in documents
                if document.order.startswith(query.prefix)
                and document.order.encode() >= query.first.encode()
                and (query.end is None or document.order.encode() < query.end.encode())
            ]
            assert walk(store, replace(query, descending=descending, limit=50)) == wanted, query

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 5])
    def test_pages_follow_each_other(self, store: DocumentStore, descending: bool, limit: int) -> None:
        documents = filled(store)[:: -1 if descending else 1]
        query = replace(ALL, descending=descending, limit=limit)
        assert walk(store, query) == documents
        assert walk(store, replace(query, prefix="a")) == [each for each in documents if each.order.startswith("a")]

    def test_a_page_begins_behind_any_position_whether_a_document_stands_there(self, store: DocumentStore) -> None:
        documents = filled(store)
        for position in (
            DocumentPosition("a", "b9"),
            DocumentPosition("a", ""),
            DocumentPosition("a", "zz"),
            DocumentPosition("", ""),
            DocumentPosition("nobody", "x"),
        ):
            place = position.order.encode(), position.document_id.encode()
            after = [each for each in documents if (each.order.encode(), each.document_id.encode()) > place]
            before = [each for each in documents if (each.order.encode(), each.document_id.encode()) < place]
            assert walk(store, replace(ALL, after=position)) == after
            assert walk(store, replace(ALL, after=position, descending=True)) == before[::-1]
            mine = replace(ALL, first="Z", end="b", after=position)
            assert walk(store, mine) == [each for each in after if "Z" <= each.order < "b"]
            assert walk(store, replace(mine, descending=True)) == [x for x in before[::-1] if "Z" <= x.order < "b"]

    def test_a_page_of_expired_documents_leads_on(self, store: DocumentStore) -> None:
        for number in range(9):
            put(store, make_document(f"d{number}", order=f"{number}", expires_at=NOW + 1 if 2 < number < 8 else None))
        page = store.find_documents(replace(ALL, limit=2, after=DocumentPosition("3", "d3")), now=NOW + 1)
        assert page.documents == ()
        assert page.next_position is not None
        found = walk(store, replace(ALL, limit=2), NOW + 1)
        assert [each.document_id for each in found] == ["d0", "d1", "d2", "d8"]

    def test_a_document_that_moves_is_found_at_its_new_place_only(self, store: DocumentStore) -> None:
        document = put(store, make_document(order="b"))
        other = put(store, make_document("d2", order="c"))
        moved = put(store, document, order="d")
        assert walk(store, ALL) == [other, moved]
        assert walk(store, replace(ALL, prefix="b")) == []

    def test_many_documents_are_found_at_any_depth(self, store: DocumentStore) -> None:
        for number in range(300):
            put(store, make_document(f"{number:03}", order=f"{number % 7}"))
        found = walk(store, replace(ALL, limit=100))
        assert [(each.order, each.document_id) for each in found] == sorted(
            (f"{number % 7}", f"{number:03}") for number in range(300)
        )

    def test_an_empty_range_and_an_unknown_collection_have_nothing(self, store: DocumentStore) -> None:
        filled(store)
        for query in (
            replace(ALL, first="b", end="a"),
            DocumentQuery(collection="Bad"),
            DocumentQuery(collection="no"),
        ):
            assert store.find_documents(query, now=NOW).documents == ()
            assert store.find_documents(query, now=NOW).next_position is None
