"""Check of network addresses: a table from another person must not cause connections to the local network."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Returns whether connections to an address and port are allowed.
MayConnect = Callable[[Address, int], bool]

NOT_PUBLIC = "is no public address"

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052): the last 32 bits are the IPv4 address reached
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")


def is_public(address: Address) -> bool:
    """Return whether an address is global unicast, also for IPv6 addresses that embed an IPv4 address.

    Not public are private, loopback, link-local (including cloud metadata), shared (100.64.0.0/10), documentation,
    benchmarking, reserved, unspecified and multicast addresses (the IANA special-purpose registries, as ``ipaddress``
    implements them).

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
    """Allow only public addresses, at any port."""
    return is_public(address)


def may_connect_anywhere(address: Address, port: int) -> bool:
    """Allow every address, for posters on the local machine or network."""
    return True


def guarded_socket(may_connect: MayConnect) -> Callable[[Any], socket.socket]:
    """Return a socket factory that checks each address before it connects.

    The check runs after name resolution and for every redirect, on exactly the address of the next connection. So a
    host name cannot change its address between the check and the connection (DNS rebinding).

    Args:
        may_connect: Returns whether an address and port are allowed.

    Returns:
        A function of one ``getaddrinfo`` entry; it raises ``OSError`` with `NOT_PUBLIC` in its text for other
        addresses.
    """

    def make(entry: Any) -> socket.socket:
        family, kind, protocol, _, target = entry
        address = ipaddress.ip_address(str(target[0]).partition("%")[0])
        if not may_connect(address, int(target[1])):
            raise OSError(f"{address} {NOT_PUBLIC}")
        return socket.socket(family, kind, protocol)

    return make
