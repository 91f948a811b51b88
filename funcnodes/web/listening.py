"""The port a server listens on: taken first, so that a taken one is told before anything starts."""

import errno
import ipaddress
import socket

from funcnodes.errors import WorkerError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    It says that it is TCP: asyncio switches Nagle's algorithm off (40 ms on every second
    message) only on sockets that do, and `socket.create_server` makes them without.

    Raises:
        WorkerError: The port is taken or the address cannot be bound.
    """
    if not host:  # which would be every address of this machine
        raise WorkerError("An empty host is no address to listen on.", hint="Such as 127.0.0.1.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
        return listening
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = (
            "it is already in use"
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            else getattr(error, "strerror", "") or "it is no host's name"
        )
        raise WorkerError(
            f"Cannot listen on {shown(host)}:{port}: {reason}.",
            hint="Choose another port with '--port', or 0 for any free one.",
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(host: str) -> str:
    """A host as URLs spell it."""
    return f"[{host}]" if ":" in host else host
