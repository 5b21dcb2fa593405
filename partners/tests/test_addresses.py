from __future__ import annotations

import pytest
from django.test import RequestFactory

from partners.addresses import client_address, client_network


def coming_from(remote, forwarded=None):
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=remote, **more)


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        (" 203.0.113.5 ", "203.0.113.5"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[::1]:80", "::1"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_the_proxys_word_is_read_however_it_writes(told, address, settings):
    settings.PROXIES = 1

    assert client_address(coming_from("10.0.0.1", told)) == address


@pytest.mark.parametrize(
    "rubbish",
    ["", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4:5:6", "[::1", "::g", "'; --", "1.2.3.4, "],
)
def test_rubbish_counts_for_nothing(rubbish, settings):
    settings.PROXIES = 1

    assert client_address(coming_from("10.0.0.1", rubbish)) in ("10.0.0.1", "::1")


@pytest.mark.parametrize("remote", ["", "unix:", "/run/web.sock"])
def test_who_has_no_address_is_unknown(remote):
    assert client_address(coming_from(remote)) == "0.0.0.0"


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "10.0.0.1"), (1, "3.3.3.3"), (2, "2.2.2.2"), (4, "10.0.0.1")]
)
def test_only_so_many_proxies_are_believed(proxies, address, settings):
    settings.PROXIES = proxies

    assert client_address(coming_from("10.0.0.1", "1.1.1.1, 2.2.2.2, 3.3.3.3")) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.5", "203.0.113.5"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")],
)
def test_of_ipv6_a_customer_has_a_network(address, network):
    assert client_network(coming_from(address)) == network
