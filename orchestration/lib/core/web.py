"""Where pages of this machine listen, and who may talk to them.

A page that can start jobs has no password: what protects it is that it listens on this machine alone. Two things get
around that in a browser. A foreign page can send requests to 127.0.0.1 in the name of whoever looks at it, and a
foreign name can be made to resolve to 127.0.0.1 (DNS rebinding), which makes the foreign page one of ours. So every
request has to name a host that is ours, and one from a page has to come from a page of ours.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestration.lib.core.settings import SettingsError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# What this machine is called on itself.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Listening there is listening at each address of the machine.
ANY_ADDRESS = ("0.0.0.0", "::")
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
DEFAULT_PORT = 3000


@dataclass(frozen=True)
class Address:
    """Where pages listen: an address of this machine, a port, and the host names under which they answer."""

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    port_variable: str = "JOURNEYS_PORT"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """What a browser on this machine is given, or on another one where the pages are open to others."""
        host = self.host if self.is_loopback else self.allowed_hosts[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def warning(self) -> str | None:
        """What to know where other machines can reach the pages; None where they can't."""
        if self.is_loopback:
            return None
        return (
            f"Warning: the pages listen on {self.host}. They have no password: whoever reaches port {self.port} can "
            "do there what you can. Let only a firewall or a proxy with a login reach it."
        )


def read_address(
    environment: Mapping[str, str] | None = None, *, port_variable: str = "JOURNEYS_PORT", otherwise: int = DEFAULT_PORT
) -> Address:
    """Reads where pages listen from environment variables.

    JOURNEYS_PORT           port (default 3000); for other pages than Dagster's, `port_variable` and `otherwise`
    JOURNEYS_HOST           address to listen on (default 127.0.0.1: this machine alone)
    JOURNEYS_ALLOWED_HOSTS  names and addresses, separated by commas, under which other machines call the pages; needed
                            with an address that others can reach

    Raises SettingsError naming the variable, its value and what it may be.
    """
    environment = os.environ if environment is None else environment
    port = environment.get(port_variable, "").strip() or str(otherwise)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"{port_variable}={port}: give a whole number from 1 to 65535.")
    host = environment.get("JOURNEYS_HOST", "").strip() or LOOPBACK[0]
    named = [one.strip().lower() for one in environment.get("JOURNEYS_ALLOWED_HOSTS", "").split(",") if one.strip()]
    for one in named:
        if not _is_host(one):
            raise SettingsError(
                f"JOURNEYS_ALLOWED_HOSTS={','.join(named)}: {one} is no host name or address. Give names without "
                "a scheme and a port, separated by commas, such as pages.example.com,10.0.0.5."
            )
    if not is_loopback(host) and not named:
        raise SettingsError(
            f"JOURNEYS_HOST={host} can be reached by other machines, and whoever reaches the pages can run jobs. If "
            "that is meant, name what browsers call them, such as JOURNEYS_ALLOWED_HOSTS=pages.example.com; else leave "
            "JOURNEYS_HOST out."
        )
    own = () if host in ANY_ADDRESS else (host.lower(),)
    return Address(host, int(port), tuple(dict.fromkeys((*named, *own, *LOOPBACK))), port_variable)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


def listen(address: Address) -> socket.socket:
    """A socket that listens at the address. Raises SettingsError with the way out where that can't be."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(128)
    except socket.gaierror as error:
        raise SettingsError(f"JOURNEYS_HOST={address.host}: no such address is known ({error.strerror}).") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {address.port} of {address.host} is in use, by the same command or another program. Stop it, "
                f"or choose another port: {address.port_variable}={address.port % 65535 + 1}"
            ) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError(f"JOURNEYS_HOST={address.host}: this machine has no such address.") from error
        raise SettingsError(
            f"Port {address.port} of {address.host} can't be listened on: {error.strerror}. Choose another port: "
            f"{address.port_variable}={address.port % 65535 + 1}"
        ) from error
    return listening


class Guard:
    """An ASGI application in front of another one: lets requests through that are from people at our own pages.

    Each is answered with 403 and a sentence otherwise, a WebSocket before it is accepted. `allowed_hosts` are names
    and addresses without ports. Requests for a path below `posted_only` that name a query in their address are refused
    as well unless they are posted: an image on a foreign page could ask for them, without saying where it is.
    """

    def __init__(self, app: App, *, allowed_hosts: Iterable[str], posted_only: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._posted_only = tuple(posted_only)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            # before it is accepted, which servers answer with 403
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[:120]})
        else:
            await _refuse(send, refusal)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None where it isn't."""
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or (called := _host_of(hosts[0])) is None or called not in self._hosts:
            return (
                "These pages do not answer under this host name. JOURNEYS_ALLOWED_HOSTS adds one; see docs/security.md."
            )
        # a page of another port of this machine is another's page, too
        if any(_netloc(origin) != hosts[0].lower() for origin in origins):
            return "This request comes from a page of another site."
        if scope["type"] == "websocket":
            return None
        if set(_values(scope, b"sec-fetch-site")) & {"cross-site", "same-site"} and not _is_link(scope):
            return "This request comes from a page of another site."
        if (
            scope["method"] not in ("POST", "OPTIONS")
            and any(scope["path"].startswith(path) for path in self._posted_only)
            and scope.get("query_string")
            and "text/html" not in ",".join(_values(scope, b"accept"))
        ):
            return "Queries have to be posted."
        return None


def _is_link(scope: Scope) -> bool:
    """Whether somebody followed a link: the page is shown as it is, and the other site sees nothing of it."""
    return (
        scope["method"] in ("GET", "HEAD")
        and _values(scope, b"sec-fetch-mode") == ["navigate"]
        and _values(scope, b"sec-fetch-dest") == ["document"]
    )


def _unframed(send: Send) -> Send:
    """Adds that no foreign page may show this one within itself, where clicks on it could be stolen."""

    async def sends(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]
        await send(message)

    return sends


async def _refuse(send: Send, text: str) -> None:
    body = f"{text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _values(scope: Scope, header: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name.lower() == header]


def _netloc(origin: str) -> str | None:
    """Host and port of an Origin header; None where it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _host_of(text: str) -> str | None:
    """The host of a Host header, without port and brackets, in lower case; None where it is no host."""
    try:
        parts = urlsplit(f"//{text}")
        if parts.netloc != text or parts.username is not None or (parts.port, parts.hostname) == (None, None):
            return None
        return parts.hostname
    except ValueError:
        return None


def _is_host(text: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    return HOST_NAME.fullmatch(text) is not None
