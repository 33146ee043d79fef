"""Visits to the pages by people with browsers of their own."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, ViewportSize

from files_service.gateway.auth.bearer import make_token
from files_service.gateway.auth.cookies import COOKIE
from files_service.gateway.auth.sign_in_links import make_code
from tests.cores import SECRETS

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
WAIT_MS = 60_000
# The script of a screen of files comes after the page has loaded: what is clicked before that is plain HTML.
STARTED = ".title .scripted:not([hidden])"
# What a browser says of answers that are errors and of connections that break is no fault of a page.
_NO_FAULT = (
    *("Failed to load resource", "WebSocket connection to", "net::ERR"),
    *("Failed to fetch dynamically imported", "error loading dynamically imported"),
    *("Firefox can’t establish a connection", "Loading failed for the module"),
    # It says so of a stream of events when its page is left early.
    "The connection to",
)

# Firefox tells violations of the policy to its own console alone.
_TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation",
    ({violatedDirective, blockedURI}) => console.error("policy:", violatedDirective, blockedURI))"""
_NOT_OF_FIREFOX = ("color_scheme", "forced_colors", "has_touch", "permissions", "reduced_motion")


def sign_in_path(owner: str) -> str:
    """The address that signs an owner in, once."""
    return f"/sign-in#{make_code(owner, SECRETS['FILES_JWT_SECRET'], 3_600)}"


def cookie(owner: str = "ann", ttl_seconds: int = 600) -> dict[str, str]:
    """The header of a browser that is signed in."""
    return {"Cookie": f"{COOKIE}={make_token(owner, SECRETS['FILES_JWT_SECRET'], ttl_seconds)}"}


def choose(page: Page, *files: Any, kind: str = "files") -> None:
    """Choose files, or a folder, by the button of the page."""
    with page.expect_file_chooser() as chooser:
        page.locator(f"[data-pick={kind}]").click()
    chooser.value.set_files(files[0] if kind == "folder" else list(files))


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk on the page, as a hand does: a Chromium takes them by its own protocol."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


def sign_out(page: Page) -> None:
    """Sign out by the menu of the account."""
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()


def more(page: Page, name: str, action: str) -> None:
    """Choose an action in the menu of a file."""
    page.get_by_label(f"More for {name}").click()
    page.locator(".menu[open]").get_by_role("button", name=action).click()


class Held:
    """Requests of a page to a pattern of addresses, which are answered when they are let through."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self._held: list[Route] = []
        self._is_open = False
        page.route(self.pattern, self._hold)

    @property
    def addresses(self) -> list[str]:
        """Those that have come, sorted."""
        return sorted(route.request.url for route in self._held)

    def let_through(self) -> None:
        """Let those go on that have come, and all others when they come."""
        self._is_open = True
        for route in self._held:
            route.continue_()

    def _hold(self, route: Route) -> None:
        self._held.append(route)
        if self._is_open:
            route.continue_()


class Visits:
    """Makes profiles, and keeps account of what their pages complain about."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._profiles: list[BrowserContext] = []
        self.faults: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for profile in self._profiles:
            profile.close()
        if error is None:
            assert self.faults == [], self.faults

    def profile(self, **options: Any) -> BrowserContext:
        """A browser that has never been here."""
        is_firefox = self._browser.browser_type.name == "firefox"
        if is_firefox:
            # A page has what it needs without being asked; the theme is that of the whole browser.
            options = {name: value for name, value in options.items() if name not in _NOT_OF_FIREFOX}
        # WebDriver BiDi cannot turn scripts off: there, none of them loads.
        loads_scripts = options.pop("java_script_enabled", True) if is_firefox else True
        profile = self._browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **options})
        if not loads_scripts:
            profile.route("**/*.js", lambda route: route.abort())
        profile.set_default_timeout(WAIT_MS)
        profile.add_init_script(_TELL_VIOLATIONS)
        profile.on("console", self._hear)
        profile.on("weberror", lambda each: self._note(str(each.error)))
        self._profiles.append(profile)
        return profile

    def signed_in(self, url: str, owner: str = "ann", **options: Any) -> Page:
        """The page of an owner whose browser has the cookie that a sign-in link sets, without the way over its page."""
        profile = self.profile(**options)
        token = make_token(owner, SECRETS["FILES_JWT_SECRET"], 3_600)
        profile.add_cookies([{"name": COOKIE, "value": token, "url": url, "httpOnly": True, "sameSite": "Strict"}])
        page = profile.new_page()
        page.goto(url + "/")
        page.wait_for_selector(STARTED)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(message.text)

    def _note(self, fault: str) -> None:
        if not fault.startswith(_NO_FAULT):
            self.faults.append(fault)
