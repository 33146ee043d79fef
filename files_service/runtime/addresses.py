"""Network addresses in settings."""

from __future__ import annotations

import ipaddress
import re

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(?P<port>[0-9]{1,5})")


def is_address(text: str) -> bool:
    """Return True for ``host:port``."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and int(match["port"]) <= 65_535


def host_and_port(address: str) -> tuple[str, int]:
    """Split a valid ``host:port``; an IPv6 address loses its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def networks(text: str) -> tuple[Network, ...]:
    """Read addresses or networks, separated by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())
