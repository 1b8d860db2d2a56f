"""Which addresses and ports a fetch for somebody else may reach: the public internet, and the web's ports.

`ipaddress` knows most special-purpose blocks; which ones depends on Python's version, so the blocks that lead
inwards and that 3.11 calls global are named here (IANA's special-purpose registries).
"""

from __future__ import annotations

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out so far (RFC 4291): what lies elsewhere is local, a translation or nothing."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INWARD = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments, and a cloud's metadata at 192.0.0.192
            "192.88.99.0/24",  # relays into 6to4
            "168.63.129.16/32",  # public by its number, a cloud's own services by its use
            "3fff::/20",  # documentation
            "5f00::/16",  # segments of one network
        ),
    )
)
_INWARD_ZONES = frozenset("localhost localdomain local internal intranet lan home home.arpa corp svc".split())
"""Ends of names that no public name has (RFC 6761, 6762, 8375; ICANN's `internal`, `home`, `corp`; habit)."""
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_ISATAP = (0x00005EFE, 0x02005EFE)
_WEB = (80, 443)
_NOT_WEB = frozenset(
    map(
        int,
        "1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080 "
        # What browsers let through: container engines, stores, queues, caches, desktops.
        "2375 2376 2379 2380 3306 3389 5432 5672 5900 6379 9042 9092 9200 9300 10250 11211 27017".split(),
    )
)
"""Ports of other protocols, which might take HTTP for theirs (first line: WHATWG Fetch, bad ports)."""


def is_public(address: str) -> bool:
    """Return whether an address is on the public internet, whatever form it is wrapped in."""
    if "%" in address:  # a zone: such an address means something on this machine's links alone
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_is_global(item) for item in _meant(parsed))


def is_inward_name(host: str) -> bool:
    """Return whether a host is written as no public one is, whatever it would resolve to.

    Names of one label, names of this machine and of private networks, and numbers that are no plain address:
    a resolver may read them in ways of its own, and where it knows none they must not sound like an outage.
    """
    if ":" in host or _is_plain(host):
        return False
    labels = host.lower().removesuffix(".").split(".")
    named = len(labels) == 1 or labels[-1] in _INWARD_ZONES or ".".join(labels[-2:]) in _INWARD_ZONES
    return named or _NUMBER.fullmatch(labels[-1]) is not None


def _is_plain(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def is_web_port(port: int) -> bool:
    """Return whether a port is one that the web is served at: 80, 443, and high ones of no other protocol."""
    return port in _WEB or (1024 <= port < 65536 and port not in _NOT_WEB)


def _is_global(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return not any(address in block for block in _INWARD if block.version == address.version)


def _meant(address: Address) -> list[Address]:
    """Return an address together with the IPv4 addresses that it carries to."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address, address.sixtofour]
    if address.teredo:
        return [address, *address.teredo]
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return [last]
    # RFC 5214: the last half of such an address carries one of IPv4.
    return [address, last] if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else [address]
