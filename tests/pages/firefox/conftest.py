"""The stories of the pages again, in Firefox: some in every run, the others at night."""

from __future__ import annotations

import inspect

import pytest
from playwright.sync_api import Browser

IN_EVERY_RUN = {
    "test_a_link_makes_an_account_which_signs_out_and_in_again",
    "test_a_link_with_rules_is_made_and_copied",
    "test_an_open_page_follows_its_session",
    "test_an_upload_lives_through_twenty_pages_without_a_byte_sent_twice",
    "test_dropped_files_are_sent",
    "test_many_files_are_selected_across_pages_and_moved_into_a_folder",
    "test_open_pages_show_what_happens_elsewhere_and_keep_the_focus",
    "test_photos_stand_in_their_month_and_open_over_the_page",
    "test_what_was_deleted_by_mistake_comes_back_by_keyboard_alone",
}
# WebDriver BiDi cannot choose a folder in a dialog or drop one, and shows no element of <noscript>.
NOT_POSSIBLE = {
    "test_a_folder_that_a_visitor_drops_keeps_its_paths",
    "test_another_file_is_refused_where_an_interrupted_one_is_asked_for",
    "test_folders_and_empty_files_arrive_with_their_paths",
    "test_the_list_works_without_scripts",
    "test_versions_are_downloaded_also_without_scripts",
}


def pytest_pycollect_makeitem(name: str, obj: object) -> list[pytest.Item] | None:
    """Leave out what needs no browser, and what cannot be done."""
    if not inspect.isfunction(obj) or not name.startswith("test_"):
        return None
    return [] if name in NOT_POSSIBLE or "visits" not in inspect.signature(obj).parameters else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave most for the night."""
    if item.name not in IN_EVERY_RUN:
        item.add_marker("nightly")


@pytest.fixture(scope="package")
def browser(firefox: Browser) -> Browser:
    """Debian's Firefox."""
    return firefox
