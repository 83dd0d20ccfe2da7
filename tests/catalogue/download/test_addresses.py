"""Public addresses, and that a connection uses exactly the address that was checked."""

import asyncio
import ipaddress
import socket

import pytest

from keyart.catalogue.download.addresses import guarded_socket, is_public, may_connect_anywhere, may_connect_publicly
from tests.catalogue.download.server import body

REFUSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::",
    "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "100::1",
    "2001:db8::1", "2001::1", "2002:7f00:1::", "2002:c0a8:101::", "fc00::1", "fd12::1",
    "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address):
    assert not is_public(ipaddress.ip_address(address))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(OSError, match="no public address"):
        guarded_socket(may_connect_publicly)((family, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize("address", ["1.1.1.1", "9.9.9.9", "172.15.0.1", "2606:4700::1", "::ffff:9.9.9.9"])
def test_what_is_public_is_allowed(address):
    assert is_public(ipaddress.ip_address(address))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    guarded_socket(may_connect_publicly)((family, socket.SOCK_STREAM, 0, "", (address, 80))).close()


def test_private_addresses_are_refused_unless_allowed(bring, table, server, picture):
    server.routes["/1.jpg"] = body(picture())
    fetched = bring(table({"1": "/1.jpg"}), may_connect=may_connect_publicly)
    assert "no public address" in fetched.missing[0].reason
    assert not server.asked
    assert bring(table({"1": "/1.jpg"}), may_connect=may_connect_anywhere).fetched == 1


def test_a_name_that_comes_to_mean_another_address_gains_nothing(server, picture):
    """The resolver's first answer is harmless; its second answer is this machine."""
    aiohttp = pytest.importorskip("aiohttp")
    from keyart.catalogue.download.failure import RequestError
    from keyart.catalogue.download.http_client import Client
    from keyart.catalogue.download.retry_policy import RateLimiter

    class Rebinding(aiohttp.abc.AbstractResolver):
        asked = 0

        async def resolve(self, host, port=0, family=socket.AF_INET):
            self.asked += 1
            port = server.port if self.asked == 1 else server.port + 1
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        async def close(self):
            pass

    checked = []

    def only_the_first(address, port):
        checked.append((str(address), port))
        return port == server.port

    async def both():
        resolver = Rebinding()
        async with Client(RateLimiter(1000), may_connect=only_the_first, resolver=resolver) as client:
            server.routes["/1.jpg"] = body(b"harmless")
            first = await client.get("http://posters.example/1.jpg")
        async with Client(RateLimiter(1000), may_connect=only_the_first, resolver=resolver) as client:
            with pytest.raises(RequestError, match="is no public address"):
                await client.get("http://posters.example/1.jpg")
        return first, resolver.asked

    assert asyncio.run(both()) == (b"harmless", 2)
    assert checked == [("127.0.0.1", server.port), ("127.0.0.1", server.port + 1)]
    assert server.asked["/1.jpg"] == 1


def test_of_several_addresses_of_a_name_only_public_ones_are_used(server):
    aiohttp = pytest.importorskip("aiohttp")
    from keyart.catalogue.download.http_client import Client
    from keyart.catalogue.download.retry_policy import RateLimiter

    class Both(aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [
                {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
                for address, port in (("10.0.0.1", 80), ("127.0.0.1", server.port))
            ]

        async def close(self):
            pass

    async def get():
        server.routes["/1.jpg"] = body(b"x")
        allowed = lambda address, port: port == server.port  # noqa: E731
        async with Client(RateLimiter(1000), may_connect=allowed, resolver=Both()) as client:
            return await client.get("http://posters.example/1.jpg")

    assert asyncio.run(get()) == b"x"


def test_proxies_of_the_environment_are_not_used(bring, table, server, picture, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.routes["/1.jpg"] = body(picture())
    assert bring(table({"1": "/1.jpg"})).fetched == 1
