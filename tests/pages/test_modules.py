"""The parts of the scripts that decide something, by themselves, in the browser that runs them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.gateway.serving import Served
from tests.pages.visits import Visits, drop


@pytest.fixture
def page(visits: Visits, gateway: Served) -> Page:
    # What tests run has not the word by which the pages know their scripts.
    return visits.signed_in(f"http://127.0.0.1:{gateway.port}", "nobody-yet", bypass_csp=True)


def run(page: Page, module: str, code: str, value: Any = None) -> Any:
    """Run code with what a module gives out as ``m``."""
    return page.evaluate(f"async (value) => {{ const m = await import('/static/{module}'); {code} }}", value)


def test_slices_are_what_is_missing_cut_where_the_server_cuts(page: Page) -> None:
    chance = random.Random(3)
    cases: list[tuple[list[tuple[int, int]], int, int]] = []
    code = """
        const { Pace } = await import("/static/pace.js");
        const by = Object.assign(new Pace(), { bytes: 2 });
        return value.map((each) => [[...m.slicesOf(...each)], [...m.slicesOf(...each, by)]]);"""
    for _ in range(300):
        size, chunk = chance.randrange(0, 60), chance.randrange(1, 9)
        edges = sorted(chance.sample(range(size + 1), min(size + 1, 2 * chance.randrange(0, 4)) // 2 * 2))
        cases.append((list(zip(edges[::2], edges[1::2], strict=True)), size, chunk))
    answers = run(page, "socket.js", code, cases)
    for (ranges, size, chunk), both in zip(cases, answers, strict=True):
        missing = [at for at in range(size) if not any(start <= at < end for start, end in ranges)]
        for slices in both:
            assert [at for start, end in slices for at in range(start, end)] == missing
            assert all(start // chunk == (end - 1) // chunk for start, end in slices)
        halved = chunk
        while halved > 2 and halved % 2 == 0:
            halved //= 2
        assert all(end - start <= halved for start, end in both[1])


def test_slices_are_as_long_as_the_network_is_quick(page: Page) -> None:
    code = """
        const pace = new m.Pace();
        return value.map(([does, took, bytes]) => (pace[does](took, bytes ?? pace.bytes), pace.bytes));"""
    mebibyte = 2**20
    heard: list[list[Any]] = [["took", 300], ["took", 300], ["took", 300, 5], ["took", 3_000], ["took", 6_000]]
    sizes = run(page, "pace.js", code, [*heard, ["inVain", 1_000], ["inVain", 30_000], *[["took", 9_000]] * 9])
    assert [size / mebibyte for size in sizes[:7]] == [2, 4, 4, 4, 2, 2, 0.5]
    assert sizes[-1] == 64 * 1024
    code = """
        const pace = new m.Pace();
        for (let each = 0; each < 9; each += 1) pace.took(300, pace.bytes);
        const most = pace.bytes;
        pace.tooLarge(5_000_000);
        const sizes = [pace.bytes];
        for (let each = 0; each < 3; each += 1) pace.took(300, pace.bytes), sizes.push(pace.bytes);
        pace.tooLarge(1_000);
        return [most, ...sizes, pace.bytes];"""
    assert run(page, "pace.js", code) == [64 * mebibyte, *[2 * mebibyte] * 4, 64 * 1024]


def test_sizes_and_times_are_said_as_people_say_them(page: Page) -> None:
    sizes = [0, 999, 1_000, 1_234_567, 99_960_000, 200_000_000, 3 * 10**12]
    said = run(page, "words.js", "return value.map(m.size);", sizes)
    assert said == ["0 B", "999 B", "1.0 kB", "1.2 MB", "100 MB", "200 MB", "3.0 TB"]
    said = run(page, "words.js", "return value.map(m.duration);", [0.2, 59.2, 61, 3_599, 7_199, 7_380])
    assert said == ["1 s", "60 s", "2 min", "60 min", "2 h 0 min", "2 h 3 min"]


def test_a_time_is_told_in_the_zone_of_the_reader_and_a_day_as_it_is(page: Page) -> None:
    code = """
        const root = document.createElement("div");
        root.innerHTML = value.map((each) => `<time datetime="${each}">as it was</time>`).join("");
        m.tellLocalTimes(root);
        return [...root.children].map((each) => each.textContent);"""
    said = run(page, "words.js", code, ["2026-11-30T12:00:00Z", "2026-11-30"])
    assert said[0].startswith("30 Nov 2026, ")
    assert said[1] == "as it was"


def test_the_rate_is_that_of_late(page: Page) -> None:
    code = """
        const { Upload } = await import("/static/upload.js");
        const upload = new Upload(new File(["x"], "x"), "x", "print");
        const batch = new m.Batch([upload], "x");
        upload.become("sending");
        let now = 1_000;
        performance.now = () => now;
        const rates = [];
        for (const [at, received] of value) {
            now = at;
            upload.arrived(received);
            rates.push(batch.rate);
        }
        return rates;"""
    arrivals = [[0, 0], [1_000, 500], [9_000, 8_500], [10_000, 108_500]]
    # What is older than eight seconds is forgotten.
    assert run(page, "batch.js", code, arrivals) == [0, 500, 1_000, 100_000]


def test_a_file_is_known_again_by_path_size_and_time(page: Page) -> None:
    code = """
        const file = (size, time) => new File(["x".repeat(size)], "a", {lastModified: time});
        const print = m.fingerprint(file(3, 5), "d/a");
        m.remember(print, "id-p0");
        const others = [[file(3, 6), "d/a"], [file(4, 5), "d/a"], [file(3, 5), "a"]];
        const found = [print, ...others.map((each) => m.fingerprint(...each))].map(m.recall);
        const shown = m.unfinished();
        m.forget(print);
        return [found, shown, m.unfinished()];"""
    found, shown, rest = run(page, "memory.js", code)
    # The same file may be on its way to a link, too.
    assert run(page, "memory.js", "return m.lockOf('print')") == "files:upload:nobody-yet:print"
    assert found == ["id-p0", None, None, None]
    assert [(each["path"], each["size"], each["uploadId"]) for each in shown] == [("d/a", 3, "id-p0")]
    assert rest == []


def test_an_upload_that_is_paused_and_resumed_at_once_goes_on(page: Page) -> None:
    code = """
        const batch = m.enqueue([{ file: new File(["x"], "once.bin"), path: "once.bin" }], "");
        const states = [];
        const [upload] = batch.uploads;
        upload.addEventListener("change", () => states.push([upload.state, m.isBusy()]));
        m.pause(batch.uploads);
        m.resume(batch.uploads);
        const changed = () => new Promise((resolve) => upload.addEventListener("change", resolve, { once: true }));
        while (!batch.isOver) await changed();
        return states;"""
    states = run(page, "queue.js", code)
    assert [state for state, _ in states] == ["paused", "waiting", "sending", "done"]
    assert all(is_busy for _, is_busy in states)


def test_what_is_dropped_goes_to_the_folder_where_it_was_dropped(page: Page) -> None:
    code = """
        const main = document.getElementById("main");
        main.dataset.folder = "here";
        const taken = new Promise((resolve) => m.watchPicking(([{ path }], folder) => resolve([path, folder])));
        const file = new File(["x"], "one.txt");
        const entry = { isFile: true, fullPath: "/one.txt", file: (found) => setTimeout(() => {
            main.dataset.folder = "elsewhere";
            found(file);
        }) };
        const drop = new Event("drop");
        drop.dataTransfer = { types: ["Files"], items: [{ webkitGetAsEntry: () => entry }], files: [file] };
        window.dispatchEvent(drop);
        return taken;"""
    assert run(page, "picking.js", code) == ["one.txt", "here"]


def test_what_is_dropped_and_cannot_be_sent_is_named(page: Page, tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "one.txt").write_bytes(b"x")
    drop(page, tmp_path / "empty", tmp_path / "nothing", tmp_path / "one.txt")
    expect(page.locator(".toast.failed p")).to_have_text("Skipped as empty: inner and 1 other")
    expect(page.locator(".upload")).to_have_attribute("data-state", "done")
    # What vanishes while it is dropped, or belongs to somebody else.
    code = """
        const refuse = (_, refused) => refused(new DOMException("no", "NotReadableError"));
        const entry = { isFile: true, name: "locked.bin", fullPath: "/locked.bin", file: refuse };
        const folder = { name: "locked", createReader: () => ({ readEntries: refuse }) };
        const taken = new Promise((resolve) => m.watchPicking(resolve));
        const items = [entry, folder].map((each) => ({ webkitGetAsEntry: () => each }));
        const drop = Object.assign(new Event("drop"), { dataTransfer: { types: ["Files"], items, files: [] } });
        window.dispatchEvent(drop);
        return taken;"""
    assert run(page, "picking.js", code) == []
    expect(page.locator(".toast.failed p").last).to_have_text("Skipped as unreadable: locked.bin and 1 other")
