"""Talks to the server as an assistant's program does: the client of the `mcp` package, by standard input or by HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.stdio import stdio_client

from orchestration.lib.core.settings import PROJECT_ROOT, Settings

WAIT_SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a call was answered with: a structure, or the sentence of an error."""

    data: dict[str, Any]
    error: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert not self.error, self.error
        return self.data["rows"]


async def call(client: Client, tool: str, **arguments: Any) -> Said:
    result = await client.call_tool(tool, arguments)
    text = "\n".join(part.text for part in result.content if part.type == "text")
    if result.is_error:
        return Said({}, text)
    # clients of older protocols read the text: it says the same
    assert json.loads(text) == result.structured_content
    return Said(result.structured_content, "")


def environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "JOURNEYS_VAR": str(settings.var), "JOURNEYS_SERVING": str(settings.serving)}


@contextlib.asynccontextmanager
async def by_stdio(settings: Settings, errors: Path) -> AsyncIterator[Client]:
    """A client of a server that it started; what that says besides the protocol is in the file `errors`."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "orchestration", "mcp"], cwd=str(PROJECT_ROOT), env=environment(settings)
    )
    with errors.open("w", encoding="utf-8") as log:
        async with Client(stdio_client(server, errlog=log), read_timeout_seconds=WAIT_SECONDS) as client:
            yield client


def talk(settings: Settings, errors: Path, questions: Callable[[Client], Awaitable[None]]) -> str:
    """Asks over standard input, and returns what the server said besides."""

    async def session() -> None:
        async with by_stdio(settings, errors) as client:
            await questions(client)

    asyncio.run(session())
    return errors.read_text(encoding="utf-8")


@contextlib.contextmanager
def by_http(settings: Settings) -> Iterator[str]:
    """The address of a server that listens; it is ended with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "orchestration", "mcp", "--http", "--port", str(port)],
        cwd=PROJECT_ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        begun = time.monotonic()
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert server.poll() is None and time.monotonic() - begun < WAIT_SECONDS
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait()
