"""Files sent by the page, in a real browser, while the server dies, the page is closed and the network goes away."""

from __future__ import annotations

import hashlib
import random
import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from files_service.gateway.limits import Limits
from tests.pages.gated_proxy import GatedProxy, gated
from tests.pages.visits import WAIT_MS, Visits, choose
from tests.scale import NIGHTLY
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess

SIZE = 200_000_000 if NIGHTLY else 12_000_000
CHUNK = 4 * 2**20 if NIGHTLY else 2**18
WINDOW = Limits().websocket_window
# Frames, handshakes and the little that is said beside the bytes.
OVERHEAD = 100_000
# A killed server has not read what waits in its sockets.
IN_SOCKETS = 2**20


def up(folder: Path, **settings: int) -> ServiceProcess:
    [port] = free_ports(1)
    return ServiceProcess(
        folder,
        "",
        command=("-m", "files_service.cli", "--config", "{config}", "up"),
        FILES={"http": f"127.0.0.1:{port}", **settings},
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    """``files up`` in a process that can be killed."""
    with up(tmp_path, chunk_bytes=CHUNK) as process:
        yield process


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """``files up`` for tests that leave it running; each has an owner of its own."""
    with up(tmp_path_factory.mktemp("up"), chunk_bytes=CHUNK) as process:
        yield process


@pytest.fixture
def service_of_large_chunks(tmp_path: Path) -> Iterator[ServiceProcess]:
    """As ``files up`` is by default: a chunk has 4 MiB."""
    with up(tmp_path) as process:
        yield process


def proxy_of(service: ServiceProcess) -> AbstractContextManager[GatedProxy]:
    return gated(int(service.config["FILES"]["http"].rpartition(":")[2]))


@pytest.fixture
def network(shared_service: ServiceProcess) -> Iterator[GatedProxy]:
    with proxy_of(shared_service) as proxy:
        yield proxy


def file_of(folder: Path, name: str, size: int, seed: int = 7) -> Path:
    path = folder / name
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def kill_and_start(service: ServiceProcess, page: Page) -> None:
    service.signal(signal.SIGKILL)
    service.wait()
    expect(page.locator(".upload")).to_have_attribute("data-state", "broken", timeout=WAIT_MS)
    service.start()


@pytest.mark.timeout(900)
def test_a_large_file_arrives_though_the_server_is_killed_twice_and_the_page_reloaded_once(
    visits: Visits, service: ServiceProcess, tmp_path: Path
) -> None:
    with proxy_of(service) as network:
        send_holiday(visits, service, network, tmp_path)


def send_holiday(visits: Visits, service: ServiceProcess, network: GatedProxy, tmp_path: Path) -> None:
    path = file_of(tmp_path, "holiday.bin", SIZE)
    page = visits.signed_in(network.url)
    network.let_through(SIZE // 4)
    choose(page, path)
    network.wait_until_passed(SIZE // 4)
    kill_and_start(service, page)
    network.let_through(SIZE // 2)
    network.wait_until_passed(SIZE // 2)
    page.reload()
    expect(page.locator(".upload")).to_contain_text("Select the same file again")
    expect(page.locator(".upload .upload-says")).to_contain_text(" of ")
    network.let_through(3 * SIZE // 4)
    choose(page, path)
    network.wait_until_passed(3 * SIZE // 4)
    kill_and_start(service, page)
    network.let_through(2 * SIZE)
    expect(page.locator(".upload")).to_have_attribute("data-state", "done", timeout=10 * WAIT_MS)
    assert network.passed <= SIZE + 3 * (WINDOW * CHUNK + IN_SOCKETS) + OVERHEAD

    row = page.locator(".file", has_text="holiday.bin")
    expect(row).to_have_attribute("data-status", "processed", timeout=5 * WAIT_MS)
    set_access(page, "unlisted", "Link")
    link = network.url + str(row.locator("a.name").get_attribute("href"))

    stranger = visits.profile().new_page()
    stranger.goto(link)
    expect(stranger.locator("h1")).to_have_text("holiday.bin")
    with stranger.expect_download() as download:
        stranger.get_by_role("link", name="Download").click()
    assert hashlib.sha256(download.value.path().read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()
    assert download.value.suggested_filename == "holiday.bin"

    set_access(page, "private", "Private")
    answer = stranger.goto(link)
    assert answer is not None
    assert answer.status == 404
    expect(stranger.locator("h1")).to_have_text("There is no such file")
    assert stranger.request.get(f"{link}?raw=1").status == 404


def test_a_line_on_which_a_chunk_takes_longer_than_the_page_waits_is_good_enough(
    visits: Visits, service_of_large_chunks: ServiceProcess, tmp_path: Path
) -> None:
    # The page waits a fifth as long, and still twice as long as a piece takes.
    hurry = 1 if NIGHTLY else 5
    path = file_of(tmp_path, "slow.bin", 4_000_000)
    with proxy_of(service_of_large_chunks) as network:
        network.rate, network.limit = 80_000 * hurry, 10_000_000
        page = visits.signed_in(network.url)
        page.context.route("**/static/tus.js", lambda route: _hurry(route, hurry))
        page.context.route("**/static/pace.js", lambda route: _hurry(route, hurry))
        page.reload()
        choose(page, path)
        expect(page.locator(".upload")).to_have_attribute("data-state", "done", timeout=5 * WAIT_MS)
        assert network.passed <= 4_000_000 + OVERHEAD
        assert_arrived(page, network, path)


def _hurry(route: Route, hurry: int) -> None:
    answer = route.fetch()
    text = re.sub(r"(?<=_MS = )[0-9_]+", lambda number: str(int(number[0]) // hurry), answer.text())
    route.fulfill(response=answer, body=text)


def test_what_is_paused_stays_so_until_told_and_goes_on_where_it_was(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    path = file_of(tmp_path, "clip.bin", 4_000_000)
    page = visits.signed_in(network.url, "paul")
    network.let_through(2_000_000)
    choose(page, path)
    network.wait_until_passed(2_000_000)
    page.get_by_role("button", name="Pause: clip.bin").click()
    expect(page.locator(".upload")).to_contain_text("Paused")
    network.let_through(10_000_000)
    page.get_by_role("button", name="Resume: clip.bin").click()
    expect_sent(page)
    assert network.passed <= 4_000_000 + WINDOW * CHUNK + OVERHEAD
    assert_arrived(page, network, path)


def test_an_upload_goes_on_by_itself_when_the_network_comes_back(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    path = file_of(tmp_path, "clip.bin", 4_000_000)
    page = visits.signed_in(network.url, "nora")
    network.let_through(2_000_000)
    choose(page, path)
    network.wait_until_passed(2_000_000)
    network.cut()
    expect(page.locator(".upload")).to_have_attribute("data-state", "broken", timeout=WAIT_MS)
    expect(page.locator("#news")).to_contain_text("The connection was lost")
    network.let_through(10_000_000)
    network.mend()
    expect_sent(page)
    assert network.passed <= 4_000_000 + 2 * WINDOW * CHUNK + OVERHEAD
    assert_arrived(page, network, path)


def test_where_a_proxy_takes_no_tus_files_go_by_websocket(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    path = file_of(tmp_path, "clip.bin", 9_000_000)
    network.refused = (b"PATCH /tus/",)
    page = visits.signed_in(network.url, "theo")
    network.let_through(5_000_000)
    choose(page, path)
    network.wait_until_passed(5_000_000)
    network.cut()
    expect(page.locator(".upload")).to_have_attribute("data-state", "broken", timeout=WAIT_MS)
    network.let_through(30_000_000)
    network.mend()
    expect_sent(page)
    assert_arrived(page, network, path)


def test_pieces_are_no_larger_than_what_a_proxy_takes(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    path = file_of(tmp_path, "clip.bin", 4_000_000)
    network.longest = 600_000
    network.let_through(30_000_000)
    page = visits.signed_in(network.url, "tara")
    choose(page, path)
    expect_sent(page)
    # By tus, in pieces of half a mebibyte: what was too large got no further than the proxy.
    assert network.passed <= 4_000_000 + OVERHEAD
    assert_arrived(page, network, path)


def test_an_upload_that_the_server_forgot_begins_anew(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    path = file_of(tmp_path, "clip.bin", 1_000_000)
    page = visits.signed_in(network.url, "fred")
    network.let_through(300_000)
    choose(page, path)
    network.wait_until_passed(300_000)
    page.get_by_role("button", name="Pause: clip.bin").click()
    expect(page.locator(".upload")).to_have_attribute("data-state", "paused")
    [record] = call_over_http(page, "/api/files")["files"]
    call_over_http(page, f"/api/files/{record['file_id']}", "DELETE")
    network.let_through(10_000_000)
    page.get_by_role("button", name="Resume: clip.bin").click()
    expect_sent(page)
    assert_arrived(page, network, path)


def test_cancelling_leaves_nothing(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    page = visits.signed_in(network.url, "cora")
    network.let_through(300_000)
    choose(page, file_of(tmp_path, "clip.bin", 1_000_000))
    network.wait_until_passed(300_000)
    page.get_by_role("button", name="Cancel clip.bin").click()
    expect(page.locator(".upload")).to_have_count(0)
    expect(page.locator(".file")).to_have_count(0)
    page.reload()
    expect(page.locator(".empty")).to_contain_text("No files yet")
    expect(page.locator(".upload")).to_have_count(0)


def test_folders_and_empty_files_arrive_with_their_paths(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    folder = tmp_path / "trip"
    (folder / "day one").mkdir(parents=True)
    (folder / "empty.txt").touch()
    for number in range(12):
        file_of(folder / "day one", f"{number}.bin", 1_000 + number, seed=number)
    network.let_through(10_000_000)
    page = visits.signed_in(network.url, "tina")
    choose(page, str(folder), kind="folder")
    expect(page.locator(".upload")).to_have_count(1)
    expect(page.locator(".upload-name")).to_have_text("trip")
    expect(page.locator('.file[data-status="processed"]')).to_have_count(13, timeout=WAIT_MS)
    page.get_by_role("link", name="trip", exact=True).click()
    expect(page.locator(".file .name")).to_have_text(["empty.txt"])
    page.get_by_role("link", name="day one", exact=True).click()
    expect(page.locator(".file .name", has_text="7.bin")).to_have_count(1)


def test_dropped_files_are_sent(visits: Visits, network: GatedProxy) -> None:
    network.let_through(10_000_000)
    page = visits.signed_in(network.url, "dora")
    dropped = page.evaluate_handle(
        """() => {
            const dropped = new DataTransfer();
            for (const name of ["one.txt", "two.txt"]) dropped.items.add(new File(["hello " + name], name));
            return dropped;
        }"""
    )
    page.locator("#drop").dispatch_event("dragenter", {"dataTransfer": dropped})
    expect(page.locator("body")).to_have_class("framed over")
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator('.file[data-status="processed"]')).to_have_count(2, timeout=WAIT_MS)
    expect(page.locator("body")).to_have_class("framed")


def expect_sent(page: Page) -> None:
    expect(page.locator(".upload")).to_have_attribute("data-state", "done", timeout=2 * WAIT_MS)


def assert_arrived(page: Page, network: GatedProxy, path: Path) -> None:
    """The file is there once, with the bytes it had."""
    row = page.locator(".file", has_text=path.name)
    expect(row).to_have_attribute("data-status", "processed", timeout=WAIT_MS)
    link = network.url + str(row.locator("a.name").get_attribute("href"))
    assert page.request.get(f"{link}?raw=1").body() == path.read_bytes()


def set_access(page: Page, access: str, label: str) -> None:
    page.get_by_role("button", name="Share").click()
    page.locator("dialog summary", has_text="Address of the file").click()
    page.locator(f'dialog input[value="{access}"]').check()
    page.get_by_role("button", name="Set access").click()
    expect(page.locator("dialog summary", has_text=f"Address of the file: {label}")).to_be_visible()
    page.keyboard.press("Escape")


def call_over_http(page: Page, path: str, method: str = "GET") -> Any:
    """Call as another page of the same person would."""
    return page.evaluate("([path, method]) => fetch(path, { method }).then((reply) => reply.json())", [path, method])
