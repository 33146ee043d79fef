"""All screens of the pages with their main states: what is looked at on each of them is looked at over this list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, expect

from files_service.gateway.auth.cookies import COOKIE
from tests.pages.house import House
from tests.pages.visits import Visits, choose, more
from tests.unit.cards.scenes import OWNER

NEW, STRANGER = "new", ""
FIRST_ROW = "Notes.txt"


def stay(page: Page) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Screen:
    """A page of a person, which is named by its path or by a name of the house, and what is done on it."""

    name: str
    path: str
    who: str = OWNER
    enter: Callable[[Page], None] = stay


def _selected(page: Page) -> None:
    page.get_by_label(f"Select {FIRST_ROW}").check()
    expect(page.locator(".chosen")).to_be_visible()


def _menu_of_a_file(page: Page) -> None:
    page.get_by_label(f"More for {FIRST_ROW}").click()


def _share_dialog(page: Page) -> None:
    _selected(page)
    page.locator(".chosen").get_by_role("button", name="Share").click()
    for closed in page.locator("dialog summary").all():
        closed.click()


def _of_menu(action: str) -> Callable[[Page], None]:
    def enter(page: Page) -> None:
        more(page, FIRST_ROW, action)
        expect(page.locator("dialog")).to_be_visible()

    return enter


def _refused(page: Page) -> None:
    page.route("**/api/files/bulk", lambda route: route.fulfill(status=503, body="{}"))
    _of_menu("Rename")(page)
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator('dialog [role="alert"]')).not_to_be_empty()


def _failed(page: Page) -> None:
    page.route("**/api/files/bulk", lambda route: route.abort())
    more(page, FIRST_ROW, "Delete")
    expect(page.locator(".toast.failed")).to_be_visible()


def _keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()


def _tray(page: Page) -> None:
    # Neither way of the bytes is open, so that the upload stays under way.
    page.route("**/tus/**", lambda route: route.abort())
    page.route_web_socket("**/ws/**", lambda _: None)
    choose(page, {"name": "Under way.bin", "mimeType": "text/plain", "buffer": b"x" * 9_999})
    expect(page.locator(".upload")).to_be_visible()


def _open(label: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_label(label).first.click()


def _press(name: str, *, dialog: bool = True) -> Callable[[Page], None]:
    def enter(page: Page) -> None:
        page.get_by_role("button", name=name).first.click()
        if dialog:
            expect(page.locator("dialog")).to_be_visible()

    return enter


def _summary(text: str) -> Callable[[Page], None]:
    return lambda page: page.locator("summary:visible", has_text=text).first.click()


def _lightbox(page: Page) -> None:
    # Before that, a picture is a link to its own page.
    page.wait_for_function("() => !document.querySelector('main .scripted[hidden]')")
    page.locator(".photo").nth(1).click()
    expect(page.locator(".lightbox img")).to_be_visible()


def _details(page: Page) -> None:
    _lightbox(page)
    page.keyboard.press("i")
    expect(page.locator(".lightbox .info")).to_contain_text("Picture")


SCREENS = (
    Screen("files", "/"),
    Screen("files-selected", "/", enter=_selected),
    Screen("files-menu", "/", enter=_menu_of_a_file),
    Screen("files-order", "/", enter=_summary("Newest first")),
    Screen("files-account", "/", enter=_open("Your account")),
    Screen("files-share", "/", enter=_share_dialog),
    Screen("files-rename-refused", "/", enter=_refused),
    Screen("files-move", "/", enter=_of_menu("Move")),
    Screen("files-delete-failed", "/", enter=_failed),
    Screen("files-keys", "/", enter=_keys),
    Screen("files-tray", "/", enter=_tray),
    Screen("files-last-page", "/?sort=oldest&search=a"),
    Screen("files-not-found", "/?search=there-is-no-such-name"),
    Screen("files-empty", "/", NEW),
    Screen("folder", "/?folder=Trips"),
    Screen("photos", "/photos"),
    Screen("photos-months", "/photos", enter=_summary("Go to month")),
    Screen("photos-lightbox", "/photos", enter=_lightbox),
    Screen("photos-details", "/photos", enter=_details),
    Screen("photos-empty", "/photos", NEW),
    Screen("cards", "/cards"),
    Screen("card", "card"),
    Screen("cards-empty", "/cards", NEW),
    Screen("shared", "/shared"),
    Screen("shared-request", "/shared", enter=_press("Request files")),
    Screen("shared-empty", "/shared", NEW),
    Screen("trash", "/trash"),
    Screen("trash-question", "/trash", enter=_press("Empty the trash")),
    Screen("trash-empty", "/trash", NEW),
    Screen("activity", "/activity"),
    Screen("activity-empty", "/activity", NEW),
    Screen("settings", "/settings"),
    Screen("settings-key", "/settings", enter=_press("New key")),
    Screen("settings-new", "/settings", NEW),
    Screen("file", "file"),
    Screen("file-not-there", "/download/x"),
    Screen("versions", "versions"),
    Screen("admin", "/admin"),
    Screen("admin-account", "/admin/accounts/new"),
    Screen("admin-invites", "/admin/invites"),
    Screen("admin-tenants", "/admin/tenants"),
    Screen("admin-storage", "/admin/storage"),
    Screen("admin-health", "/admin/health"),
    Screen("welcome", "/", STRANGER),
    Screen("sign-in", "/sign-in", STRANGER),
    Screen("join", "/join", STRANGER),
    Screen("reset", "/reset", STRANGER),
    Screen("nowhere", "/there-is-no-such-page", STRANGER),
    Screen("link-file", "one", STRANGER),
    Screen("link-gallery", "gallery", STRANGER),
    Screen("link-lightbox", "gallery", STRANGER, _lightbox),
    Screen("link-folder", "folder", STRANGER),
    Screen("link-locked", "locked", STRANGER),
    Screen("link-drop", "drop", STRANGER),
    Screen("link-ended", "ended", STRANGER),
    Screen("link-paused", "paused", STRANGER),
    Screen("docs", "/docs", STRANGER),
    Screen("style", "/docs/style", STRANGER),
)


@dataclass
class Look:
    """One way of looking at screens: a theme and a window. Each person has a profile for all of its screens.

    Also one page, until something is done on it: to open a page takes a browser three times as long as the way to
    another address.
    """

    visits: Visits
    house: House
    options: dict[str, Any]
    _profiles: dict[str, Any] = field(default_factory=dict)
    _pages: dict[str, Page] = field(default_factory=dict)

    def open(self, screen: Screen) -> Page:
        """Open the page of a screen, as the server gives it."""
        if screen.who not in self._profiles:
            profile = self._profiles[screen.who] = self.visits.profile(**self.options)
            if screen.who:
                token = self.house.people[screen.who].token
                profile.add_cookies([{"name": COOKIE, "value": token, "url": self.house.url}])
        if screen.who not in self._pages:
            self._pages[screen.who] = self._profiles[screen.who].new_page()
            self._pages[screen.who].on("dialog", lambda dialog: dialog.accept())
        page = self._pages[screen.who]
        page.goto(self.house.url + self.house.paths.get(screen.path, screen.path))
        return page

    @contextmanager
    def at(self, screen: Screen) -> Iterator[Page]:
        """The page of a screen in its state."""
        page = self.open(screen)
        page.wait_for_function(READY)
        screen.enter(page)
        yield page
        if screen.enter is not stay:
            self._pages.pop(screen.who).close()


# The module of a screen has shown what needs it, and nothing moves any more.
READY = """() => document.readyState === "complete"
    && !document.querySelector(".framed .title .scripted[hidden]:not(:has(.read-all))")
    && document.getAnimations().every((each) => each.playState !== "running")"""
