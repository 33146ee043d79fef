"""The index of security regressions: faults of comparable products, and the tests that keep them out of ours.

A test that is renamed or removed without an entry here fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.cores import call
from tests.gateway.serving import Served
from tests.people.links import Visitor, share, stored
from tests.people.persons import Person, register
from tests.waiting import PATIENCE_SECONDS

TESTS = Path(__file__).parents[1]
_LINKS, _ENDINGS, _COUNTS = "people/test_share_links.py", "people/test_share_endings.py", "people/test_share_counts.py"
_MATRIX, _KEYS, _SESSIONS = "people/matrix/test_links.py", "people/test_keys.py", "people/test_sessions.py"
_ARCHIVES, _SHARED_ARCHIVES = "gateway/test_archives.py", "people/test_share_archives.py"
_FOLDERS, _PLACES, _TRASH = "people/test_share_folders.py", "people/test_places.py", "unit/places/test_trash.py"
_HERE, _BROWSERS, _SHARED = "people/test_regressions.py", "people/test_browsers.py", "pages/test_share.py"

# Number and fault, and the tests against it.
INDEX: dict[str, list[tuple[str, str]]] = {
    "1 page, JSON, bytes or archive without the password": [
        (_LINKS, "test_before_the_password_a_share_tells_nothing"),
        (_MATRIX, "test_a_link_of_each_kind"),
    ],
    "2 hash, token or address of bytes in the JSON of a share": [
        (_LINKS, "test_what_is_told_of_a_share_has_no_hash_no_token_and_no_address_of_bytes")
    ],
    "3 a copied address of a download works elsewhere": [(_COUNTS, "test_a_copied_address_opens_for_nobody_else")],
    "4 an address of bytes outlives the link or the file": [
        (_ENDINGS, "test_running_transfers_of_both_gateways_end_with_the_link"),
        (_ENDINGS, "test_a_file_that_is_removed_or_private_is_gone_from_its_links"),
    ],
    "5 an unlock outlives a new password": [(_LINKS, "test_an_unlock_is_of_one_share_one_password_and_twelve_hours")],
    "6 an old cookie opens a link that was deleted": [
        (_ENDINGS, "test_a_revoked_link_ends_old_cookies_also_when_it_comes_back")
    ],
    "7 archives without the gate": [
        (_ARCHIVES, "test_an_archive_is_its_makers_alone"),
        (_ARCHIVES, "test_a_file_that_may_not_be_read_is_named_and_nothing_is_made"),
        (_ARCHIVES, "test_what_was_taken_away_ends_the_archive_and_is_not_sent"),
        (_SHARED_ARCHIVES, "test_an_archive_has_the_same_gate_as_each_file"),
    ],
    "8 a link of a file reaches its siblings": [
        (_LINKS, "test_a_link_reaches_no_other_file_of_its_owner"),
        (_MATRIX, "test_a_link_opens_nothing_but_its_own_file"),
    ],
    "9 a link of a folder reaches its parent": [
        (_FOLDERS, "test_a_link_reaches_neither_siblings_nor_parents_nor_names_that_begin_alike"),
        (_SHARED_ARCHIVES, "test_a_link_of_a_folder_keeps_the_folders_in_it_and_tells_none_above"),
    ],
    "10 /up is a prefix of /up2": [
        (_KEYS, "test_a_key_of_a_folder_reaches_the_files_below_it_alone"),
        (_FOLDERS, "test_a_link_reaches_neither_siblings_nor_parents_nor_names_that_begin_alike"),
        ("unit/places/test_paths.py", "test_up_is_not_up2"),
    ],
    "11 links of others end with those of one owner": [
        (_ENDINGS, "test_the_links_of_one_owner_end_without_those_of_others")
    ],
    "12 .. in paths of uploads and moves, and in names of archives": [
        (_ARCHIVES, "test_an_archive_has_the_files_under_clean_names"),
        (_PLACES, "test_a_path_is_taken_in_the_same_way_at_every_door"),
        (_PLACES, "test_folders_are_made_shown_moved_trashed_and_restored_by_rest"),
    ],
    "13 a share of a path that does not exist": [(_FOLDERS, "test_a_path_that_is_not_there_or_not_clean_is_refused")],
    "14 links of a disabled owner stay open": [
        (_ENDINGS, "test_the_links_of_a_disabled_account_are_closed_while_it_is")
    ],
    "15 keys outlive a demotion": [(_KEYS, "test_demotion_cuts_the_keys_of_the_demoted")],
    "16 a key mints more permissions": [
        (_KEYS, "test_a_key_cannot_mint_more_right"),
        (_KEYS, "test_a_key_makes_no_credential_that_may_do_more"),
        (_KEYS, "test_a_key_without_the_scope_changes_no_readers"),
    ],
    "17 another site signs in": [(_BROWSERS, "test_another_site_signs_nobody_in_and_changes_nothing")],
    "18 events of others": [
        ("pages/test_events.py", "test_an_owner_hears_of_every_change_of_the_own_files_and_of_no_others"),
        (_HERE, "test_an_admin_hears_the_own_events_alone"),
    ],
    "19 SVG, HTML, Markdown or titles run": [
        (_SHARED, "test_only_what_runs_nothing_is_shown_and_nothing_of_it_runs"),
        (_SHARED, "test_a_name_is_text_wherever_it_stands"),
        (_LINKS, "test_titles_and_names_are_inert"),
        (_HERE, "test_what_a_link_gives_runs_nowhere"),
    ],
    "20 a token outlives its sign-out": [(_SESSIONS, "test_sign_out_kills_the_token_at_every_door_of_every_gateway")],
    "21 sessions outlive a new password": [
        (_SESSIONS, "test_a_new_password_ends_the_other_sessions_and_the_old_password")
    ],
    "22 tokens in addresses or logs": [
        ("people/test_secrets.py", "test_no_token_code_or_password_is_in_a_log_an_error_or_the_store"),
        (_LINKS, "test_no_proof_of_a_visitor_is_in_an_address"),
        ("pages/test_sessions.py", "test_a_link_signs_in_once_whoever_is_faster_and_opening_it_uses_nothing_up"),
    ],
    "23 a guest removes files": [(_HERE, "test_a_guest_removes_and_changes_nothing")],
    "24 HEAD, previews and ranges cost downloads, or evade the count": [
        (_COUNTS, "test_pages_heads_previews_and_the_owner_are_not_counted"),
        (_COUNTS, "test_all_requests_of_a_grant_are_one_download"),
    ],
    "25 opening a link of setup, invite or reset uses it up; equal names deleted at once do not both come back": [
        (_BROWSERS, "test_opening_the_pages_of_codes_uses_nothing_up"),
        (_TRASH, "test_equal_folders_trashed_at_once_come_back_apart"),
        (_TRASH, "test_a_path_that_was_taken_meanwhile_is_left_to_its_file"),
    ],
}


def test_every_regression_has_its_tests_and_each_is_there() -> None:
    assert sorted(int(fault.split()[0]) for fault in INDEX) == list(range(1, 26))
    missing = []
    for fault, tests in INDEX.items():
        for path, name in tests:
            tree = ast.parse((TESTS / path).read_text())
            if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                missing.append((fault, path, name))
    assert missing == []


@contextmanager
def listening(person: Person) -> Iterator[HTTPResponse]:
    """The stream of events of a person, from its first one on."""
    with closing(HTTPConnection("127.0.0.1", person.served.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", "/api/events", headers=person.headers)
        response = connection.getresponse()
        while not response.readline().startswith(b"data:"):
            pass
        yield response


def test_an_admin_hears_the_own_events_alone(served: Served) -> None:
    ann, amy = register(served), register(served, "amy")
    call(served.core, "accounts.update", owner="amy", role="admin")
    with listening(amy) as stream:
        theirs, own = ann.upload("theirs.txt"), amy.upload("own.txt")
        heard = b""
        while own.encode() not in heard:
            heard += stream.readline()
        assert theirs.encode() not in heard


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "text/markdown", "application/xhtml+xml"])
def test_what_a_link_gives_runs_nowhere(served: Served, content_type: str) -> None:
    ann = register(served)
    file_id = stored(ann, "a", b"<script>alert(1)</script>", content_type=content_type)
    visitor = Visitor(served, share(ann, file_id)["url"])
    for query in ("", "?inline=1"):
        headers = visitor.bytes_of(f"{file_id}{query}").headers
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"].startswith("attachment")


def test_a_guest_removes_and_changes_nothing(served: Served) -> None:
    ann = register(served)
    file_id = stored(ann)
    made = share(ann, file_id)
    before = served.core.metadata.get(file_id)
    for link in (made["url"],):
        visitor = Visitor(served, link)
        visitor.begin(file_id)
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
        for method in ("DELETE", "PUT", "PATCH"):
            for path in ("", f"/files/{file_id}"):
                assert visitor.request(method, path, b"x").status == 405, (method, path)
        for method, path in (
            ("DELETE", f"/api/files/{file_id}"),
            ("PUT", f"/api/files/{file_id}/access"),
            ("PUT", f"/api/files/{file_id}/metadata"),
            ("DELETE", f"/api/shares/{made['share_id']}"),
            ("DELETE", f"/tus/{file_id}-p0"),
        ):
            own = {"Origin": f"http://127.0.0.1:{served.port}", "Tus-Resumable": "1.0.0", **cookies}
            assert served.request(method, path, b"{}", own).status == 401, (method, path)
    assert served.core.metadata.get(file_id) == before
