"""Network addresses, and tokens that are sent to them."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A server listens there at all addresses of its machine; nobody reaches one by it.
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(?P<port>[0-9]{1,5})")

_TOKEN = re.compile(r"[!-~]([ -~]*[!-~])?")


def is_address(text: str) -> bool:
    """Return True for ``host:port``."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and int(match["port"]) <= 65_535


def has_host(url: str) -> bool:
    """Return True for a URL with a host, whose port is absent or valid."""
    try:
        parts = urlsplit(url)
        return parts.port != 0 and parts.hostname is not None
    except ValueError:
        return False


def is_token(text: str) -> bool:
    """Return True for what a header of HTTP carries as it is: one line of ASCII without spaces at its ends."""
    return _TOKEN.fullmatch(text) is not None


def host_and_port(address: str) -> tuple[str, int]:
    """Split a valid ``host:port``; an IPv6 address loses its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def networks(text: str) -> tuple[Network, ...]:
    """Read addresses or networks, separated by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())
