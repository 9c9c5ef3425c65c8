"""Addresses that a SPEC names: what they may look like, and whether they are this machine's own.

A server of graphdebug that reaches any address for its visitors could be used to look into the network around it.
"""

import ipaddress
import re

from graphdebug.runtime.backend import BackendError

_ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:]+)\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::\d{1,5})?"
)


def host_of(address: str) -> str:
    """Return the host of ``host:port``. Nothing else is an address here: no scheme, path, user or password.

    Raises:
        BackendError: it is not written so.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise BackendError(f"{address!r} is no address: write host:port, such as localhost:8000.")
    return found["six"] or found["host"]


def is_this_machine(address: str) -> bool:
    """Return whether an address is this machine by its writing alone; names other than localhost are not looked up."""
    try:
        host = host_of(address)
    except BackendError:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
