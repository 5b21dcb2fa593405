"""Loopback ports, chosen so that two checkouts starting at the same moment never share one."""

import atexit
import socket
from collections.abc import Iterable

HOST = "127.0.0.1"
SEARCHED = 100

_claims: dict[int, socket.socket] = {}


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Connections of an earlier run that linger in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def claim(port: int) -> bool:
    """Whether `port` is free and from now on this process's, until it ends.

    A server binds its port seconds after it was chosen. The claim, a name in the abstract socket
    namespace that the kernel frees with the process, keeps other stacks away until then.
    """
    if port in _claims:
        return False
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0payments-devstack-{port}")
    except OSError:
        name.close()
        return False
    if not is_free(port):
        name.close()
        return False
    _claims[port] = name
    return True


def release(port: int) -> None:
    _claims.pop(port).close()


@atexit.register
def release_all() -> None:
    for port in list(_claims):
        release(port)


def claim_first(ports: Iterable[int]) -> int | None:
    return next((port for port in ports if claim(port)), None)


def claim_any(preferred: int | None = None) -> int:
    """`preferred` when it can be had, else a port that the kernel says is free."""
    if preferred and claim(preferred):
        return preferred
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if claim(port):
            return port


def claim_public(variable: str, given: str | None, default: int) -> int:
    """The port of a server that people visit: the one they gave, else the first free one.

    Ends the program with a sentence when the given port is taken or is no port.
    """
    if given is None:
        port = claim_first(range(default, default + SEARCHED))
        if port is None:
            raise SystemExit(f"No free port from {default} on; set {variable} to a free one.")
        return port
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise SystemExit(f"{variable}={given} is not a port; it must be from 1 to 65535.")
    if not claim(int(given)):
        raise SystemExit(f"{variable}={given} is taken; free it or set {variable} to another.")
    return int(given)
