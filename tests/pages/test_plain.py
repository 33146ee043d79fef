"""The screens in a browser without scripts, and in one whose colours are those of its user."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.pages.house import House
from tests.pages.inspection import FINGER_PX, MOUSE_PX, misfits
from tests.pages.screens import SCREENS, Look, stay
from tests.pages.visits import PHONE, Visits
from tests.scale import NIGHTLY

# What does nothing without scripts, and is shown all the same.
DEAD = """() => [...document.querySelectorAll("button, [data-pick], a[href='#'], .scripted, select, [type=checkbox]")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .filter((each) => !(each.form && (each.type === "submit" || !each.matches("button"))))
    .map((each) => each.outerHTML.replace(/\\s+/g, " ").slice(0, 200))"""
# What its background alone tells: such a browser replaces backgrounds, unless it is told which of its colours to take.
FADED = """() => {
    const shown = (each) => each.checkVisibility({ visibilityProperty: true });
    const told = (each) => each.outerHTML.replace(/\\s+/g, " ").slice(0, 200);
    const look = ({ color, fontWeight, borderBottomColor }) => `${color} ${fontWeight} ${borderBottomColor}`;
    const bars = [...document.querySelectorAll("progress")].filter(shown).filter((each) => {
        const { forcedColorAdjust, borderTopStyle } = getComputedStyle(each);
        return forcedColorAdjust !== "none" || borderTopStyle === "none";
    });
    const current = [...document.querySelectorAll("li > [aria-current]")].filter(shown).filter((each) => {
        const others = [...each.closest("ul").querySelectorAll("a:not([aria-current])")].filter(shown);
        return others.some((other) => look(getComputedStyle(other)) === look(getComputedStyle(each)));
    });
    return [...bars, ...current].map(told);
}"""
# The page of the style shows components that do nothing anyway.
PAGES = [each for each in SCREENS if each.enter is stay and each.name != "style"]

# Text of which little fits beside each other.
WORDY = ("files", "folder", "shared", "trash", "settings", "cards", "admin-account", "link-gallery")

# Screens with bars, tabs, menus, a dialog, a drop zone.
BY_DAY = ("files-tray", "files-order", "files-share", "card", "settings", "admin-storage", "admin-health", "link-drop")


def test_nothing_is_dead_without_scripts(visits: Visits, house: House) -> None:
    look = Look(visits, house, {"java_script_enabled": False})
    found = {}
    for screen in PAGES if NIGHTLY else PAGES[::2]:
        page = look.open(screen)
        expect(page.locator("h1").first).to_be_visible()
        if faults := [*page.evaluate(DEAD), *misfits(page, MOUSE_PX)]:
            found[screen.name] = faults
    assert found == {}


def test_everything_is_seen_in_the_colours_of_its_user(visits: Visits, house: House) -> None:
    look = Look(visits, house, {"forced_colors": "active", "reduced_motion": "reduce"})
    found = {}
    for screen in SCREENS if NIGHTLY else [each for each in SCREENS if each.name in BY_DAY]:
        with look.at(screen) as page:
            faults = [*page.evaluate(FADED), *misfits(page, MOUSE_PX)]
        if faults:
            found[screen.name] = faults
    assert found == {}


def test_everything_fits_a_phone_whose_text_is_twice_as_large(visits: Visits, house: House) -> None:
    look = Look(visits, house, {"viewport": PHONE, "has_touch": True})
    found = {}
    for screen in PAGES if NIGHTLY else [each for each in PAGES if each.name in WORDY]:
        page = look.open(screen)
        sizes = {"standard": 32, "fixed": 32}
        page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
        if faults := misfits(page, FINGER_PX):
            found[screen.name] = faults
    assert found == {}
