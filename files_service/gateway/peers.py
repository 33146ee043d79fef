"""Peers: the client of a connection or request, also behind a proxy that the settings trust.

Limits count an IPv4 address, or the network of 64 bits that a host of IPv6 has; logs show the address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from files_service.domain.uploads import owner_segment
from files_service.runtime.addresses import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The address of the client of a request, as text.
CLIENT = web.RequestKey("client", str)
LOCAL = "local"
# The holder of what trusted systems take.
SYSTEM = "system"


def host_of(transport: Any) -> str:
    """Return the address at the other end of a connection, ``LOCAL`` without one."""
    address = transport.get_extra_info("peername") if transport is not None else None
    return str(address[0]).partition("%")[0] if isinstance(address, tuple) else LOCAL


def peer_at(host: str) -> str:
    """Return the peer at an address."""
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)
    return host if address is None else str(address)


def peer_holder(request: web.Request) -> str:
    """Return the peer of a request as a holder of what it takes."""
    return f"peer {peer_at(request[CLIENT])}"


def owner_holder(owner: str) -> str:
    """Return an owner as a holder: by the hash, which is all that the address of a blob tells."""
    return hash_holder(owner_segment(owner))


def hash_holder(segment: str) -> str:
    """Return the owner of this hash as a holder."""
    return f"owner {segment}"


def is_trusted(host: str, proxies: Sequence[Network]) -> bool:
    """Return True when a trusted proxy has this address."""
    address = _address(host)
    return address is not None and any(address in network for network in proxies)


def client_of(host: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return the client of a request that came from ``host``; ``forwarded`` are its X-Forwarded-For headers.

    Each trusted proxy appends the address that it saw, so the client is the last address that is not one of them.
    Everything before it, and every header of a stranger, may be invented.
    """
    hops = [hop for value in forwarded for hop in value.split(",")]
    while hops and is_trusted(host, proxies):
        address = _address(_without_port(hops.pop().strip()))
        if address is None:
            break
        host = str(address)
    return host


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
