"""Peers behind a proxy: told apart by a trusted one, and never by what a stranger writes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from files_service.config import BadSettings
from files_service.gateway.limits import Limits
from files_service.gateway.peers import client_of, peer_at
from files_service.runtime.logs import ACCESS_LOGGER
from tests.cores import memory_core, settings_for
from tests.gateway.raw_websocket import RawSocket
from tests.gateway.serving import Served, serving, wait_until

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))
# Nobody is let go meanwhile.
LIMITS = Limits(strangers=4, connections_of_peer=8, websocket_first_seconds=600)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Served]:
    """A gateway behind a proxy at 127.0.0.1."""
    with serving(memory_core(tmp_path, trusted_proxies=(ip_network("127.0.0.1/32"),)), LIMITS) as served:
        yield served


def strangers(served: Served, stack: ExitStack, forwarded: str, address: str = "127.0.0.1") -> int:
    """How many connections without a token this client may have, of four."""
    opened = 0
    for _ in range(4):
        socket = stack.enter_context(
            RawSocket(served.port, owner=None, address=address, headers={"X-Forwarded-For": forwarded})
        )
        if socket.status != 101:
            break
        opened += 1
    return opened


def test_clients_of_a_trusted_proxy_have_shares_of_their_own(behind: Served) -> None:
    with ExitStack() as stack:
        assert strangers(behind, stack, "192.0.2.1") == 3
        assert strangers(behind, stack, "192.0.2.9, 192.0.2.1") == 0, "the proxy appends what it saw"
        assert strangers(behind, stack, "192.0.2.2") == 1


def test_a_host_of_ipv6_is_one_client_with_all_its_addresses(behind: Served) -> None:
    with ExitStack() as stack:
        assert strangers(behind, stack, "2001:db8::1") == 3
        assert strangers(behind, stack, "2001:db8::2") == 0
        assert strangers(behind, stack, "2001:db8:0:1::1") == 1


def test_the_header_of_a_stranger_is_ignored(behind: Served) -> None:
    with ExitStack() as stack:
        assert strangers(behind, stack, "192.0.2.1", address="127.0.0.2") == 3
        assert strangers(behind, stack, "192.0.2.2", address="127.0.0.2") == 0


def test_a_trusted_proxy_may_have_all_connections(behind: Served) -> None:
    with ExitStack() as stack:
        for _ in range(LIMITS.connections_of_peer + 3):
            stack.enter_context(behind.connect())
        assert behind.request("GET", "/healthz").status == 200


def test_the_log_names_the_client(behind: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=ACCESS_LOGGER):
        behind.request("GET", "/openapi.json", headers={"X-Forwarded-For": "192.0.2.7"})
        # The line is written after the last byte.
        wait_until(lambda: any(each.name == ACCESS_LOGGER for each in caplog.records))
    [line] = [each for each in caplog.records if each.name == ACCESS_LOGGER]
    assert getattr(line, "remote", None) == "192.0.2.7"


@pytest.mark.parametrize(
    ("host", "forwarded", "client"),
    [
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.5, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.5", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:1234"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::5]:1234"], "2001:db8::5"),
        ("2001:db8:1::1", ["2001:db8::5"], "2001:db8::5"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, junk, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        ("local", ["198.51.100.1"], "local"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(host: str, forwarded: list[str], client: str) -> None:
    assert client_of(host, forwarded, PROXIES) == client


def test_without_a_trusted_proxy_the_header_is_ignored() -> None:
    assert client_of("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"


def test_a_peer_of_ipv6_is_a_network() -> None:
    assert peer_at("2001:db8::1") == peer_at("2001:db8::ffff") == "2001:db8::"
    assert peer_at("::ffff:10.0.0.1") == peer_at("10.0.0.1") == "10.0.0.1"


def test_the_setting_is_a_list_of_addresses_and_networks(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, FILES_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8,2001:db8::/32")
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"]
    assert settings_for(tmp_path).trusted_proxies == ()
    with pytest.raises(BadSettings, match="trusted_proxies"):
        settings_for(tmp_path, FILES_TRUSTED_PROXIES="localhost")
