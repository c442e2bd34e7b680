"""Who may talk to pages of this machine: their own name, their own pages, and other machines only where that is set."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError
from orchestration.lib.core.web import LOOPBACK, Guard, Scope, listen, read_address

OURS = "127.0.0.1:3000"


def answer(
    *, method: str = "POST", path: str = "/graphql", query: str = "", kind: str = "http", **headers: str | list[str]
) -> str:
    """What a request gets: `page` where the guard lets it through, else how it is refused."""
    sent: list[Any] = []

    async def page(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": OURS, **headers}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode())
            for name, values in given.items()
            for value in (values if isinstance(values, list) else [values])
        ],
    }
    guard = Guard(page, allowed_hosts=(*LOOPBACK, "pages.example.com"), posted_only=("/graphql",))
    asyncio.run(guard(scope, receive, send))
    if sent[0]["type"] == "websocket.close":
        return "closed"
    assert sent[0]["status"] in (200, 403)
    if sent[0]["status"] == 200:
        assert (b"x-frame-options", b"SAMEORIGIN") in sent[0]["headers"]
        return "page"
    return "refused"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "pages.example.com", "pages.example.com:8443"],
)
def test_a_host_that_is_ours_is_answered(host: str) -> None:
    assert answer(host=host) == "page"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:3000",
        "127.0.0.1.evil.example.com",
        "evil-pages.example.com",
        "pages.example.com.evil.org",
        "localhost@evil.example.com",
        "evil.example.com#localhost",
        "evil.example.com/localhost",
        "localhost:x",
        "",
        ["localhost", "evil.example.com"],
        [],
    ],
)
def test_any_other_host_is_refused(host: str | list[str]) -> None:
    assert answer(host=host) == "refused"
    assert answer(host=host, kind="websocket") == "closed"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example.com",
        "https://evil.example.com",
        "null",
        # another program's page on this machine
        "http://127.0.0.1:8888",
        "http://localhost:3000",
        "http://127.0.0.1:3000.evil.example.com",
        "http://127.0.0.1:3000@evil.example.com",
    ],
)
def test_a_page_of_another_site_can_neither_post_nor_open_a_websocket(origin: str) -> None:
    assert answer(origin=origin) == "refused"
    assert answer(origin=origin, method="GET", path="/") == "refused"
    assert answer(origin=origin, kind="websocket") == "closed"


def test_our_own_page_and_programs_are_answered() -> None:
    assert answer(origin=f"http://{OURS}") == "page"
    assert answer(origin="https://pages.example.com", host="pages.example.com") == "page"
    assert answer(origin=f"http://{OURS}", kind="websocket") == "page"
    # no browser, no origin
    assert answer() == "page"
    assert answer(sec_fetch_site="same-origin", origin=f"http://{OURS}") == "page"


def test_an_image_on_another_site_asks_for_nothing() -> None:
    """It is a GET without an origin; browsers say what it is, and old ones don't."""
    image = {"method": "GET", "query": "query=mutation{launchRun}", "accept": "image/*"}
    assert answer(**image, sec_fetch_site="cross-site", sec_fetch_mode="no-cors", sec_fetch_dest="image") == "refused"
    assert answer(**image) == "refused"
    frame = {"method": "GET", "path": "/runs", "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert answer(**frame, sec_fetch_dest="iframe") == "refused"
    # a link that somebody follows shows the page, and nothing else
    assert answer(**frame, sec_fetch_dest="document") == "page"
    assert answer(method="GET", path="/runs", query="a=1") == "page"


def test_pages_listen_on_this_machine_unless_two_settings_say_otherwise() -> None:
    assert read_address({}) == read_address({"JOURNEYS_HOST": "127.0.0.1", "JOURNEYS_PORT": "3000"})
    assert read_address({}).warning is None
    for host in ("0.0.0.0", "::", "192.168.1.5", "pages.example.com"):
        with pytest.raises(SettingsError, match=r"whoever reaches the pages can run jobs.*JOURNEYS_ALLOWED_HOSTS="):
            read_address({"JOURNEYS_HOST": host})
    address = read_address({"JOURNEYS_HOST": "0.0.0.0", "JOURNEYS_ALLOWED_HOSTS": " Pages.Example.com, 10.0.0.5"})
    assert address.allowed_hosts == ("pages.example.com", "10.0.0.5", *LOOPBACK)
    assert address.url == "http://pages.example.com:3000"
    assert "whoever reaches port 3000 can do there what you can" in (address.warning or "")
    for wrong in ("*", "http://pages.example.com", "pages.example.com:3000", "a b", "pages.example.com/"):
        with pytest.raises(SettingsError, match="is no host name or address"):
            read_address({"JOURNEYS_HOST": "0.0.0.0", "JOURNEYS_ALLOWED_HOSTS": wrong})
    for wrong in ("x", "0", "65536", "-1"):
        with pytest.raises(SettingsError, match="from 1 to 65535"):
            read_address({"JOURNEYS_PORT": wrong})


def test_an_address_that_is_not_this_machines_is_named() -> None:
    environment = {"JOURNEYS_HOST": "203.0.113.7", "JOURNEYS_ALLOWED_HOSTS": "pages.example.com"}
    with pytest.raises(SettingsError, match=r"JOURNEYS_HOST=203\.0\.113\.7: this machine has no such address"):
        listen(read_address(environment))


@pytest.mark.parametrize("outside", [False, True])
def test_make_up_says_in_a_sentence_why_it_does_not_start(tmp_path: Path, outside: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "orchestration", "up"],
            cwd=PROJECT_ROOT,
            env=os.environ
            | {"JOURNEYS_VAR": str(tmp_path), "JOURNEYS_EXTRACTS": str(tmp_path), "JOURNEYS_PORT": port}
            | ({"JOURNEYS_HOST": "0.0.0.0"} if outside else {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""
    if outside:
        assert "JOURNEYS_HOST=0.0.0.0 can be reached by other machines" in done.stderr
    else:
        assert f"Port {port} of 127.0.0.1 is in use" in done.stderr
        assert f"JOURNEYS_PORT={int(port) + 1}" in done.stderr
