"""Which addresses may be connected to: a table from somebody else must not reach into this machine's own network."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Whether an address and port may be connected to.
MayConnect = Callable[[Address, int], bool]

NOT_PUBLIC = "is no public address"

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052): the last 32 bits are the IPv4 address reached
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")


def is_public(address: Address) -> bool:
    """Whether an address is global unicast, also within the IPv6 forms that carry an IPv4 address.

    Refused are private, loopback, link-local (cloud metadata among them), shared (100.64.0.0/10), documentation,
    benchmarking, reserved, unspecified and multicast addresses (the IANA special-purpose registries, by way of
    ``ipaddress``).

    Examples:
        >>> [is_public(ipaddress.ip_address(a)) for a in ("9.9.9.9", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1")]
        [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(carried)
        if address.teredo is not None or address in _SITE_LOCAL:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def may_connect_publicly(address: Address, port: int) -> bool:
    """Only public addresses, at any port."""
    return is_public(address)


def may_connect_anywhere(address: Address, port: int) -> bool:
    """Every address: for posters on one's own machine or network."""
    return True


def guarded_socket(may_connect: MayConnect) -> Callable[[Any], socket.socket]:
    """A maker of sockets that refuses addresses.

    It is asked with the very address that is connected to next, after resolution and for every redirect, so that there
    is no moment in which a name could come to mean another address than the one that was checked.

    Args:
        may_connect: Says whether an address and port are allowed.

    Returns:
        A function of one ``getaddrinfo`` entry; it raises ``OSError`` with `NOT_PUBLIC` in its text.
    """

    def make(entry: Any) -> socket.socket:
        family, kind, protocol, _, target = entry
        address = ipaddress.ip_address(str(target[0]).partition("%")[0])
        if not may_connect(address, int(target[1])):
            raise OSError(f"{address} {NOT_PUBLIC}")
        return socket.socket(family, kind, protocol)

    return make
