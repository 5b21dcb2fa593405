"""Eleven receivers of webhooks: seven accept, one never answers, one accepts after 8 seconds, one
answers 500, one is not there.

`python -m bench.receivers` prints their URLs as JSON, then serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

HEALTHY = 7
WAITING = slice(HEALTHY, HEALTHY + 2)
"""Of the URLs, those that never answer or answer late."""
LATE = 8.0
NEVER = 3600.0


def answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()


async def serve(status: str, after: float = 0.0) -> asyncio.Server:
    """Answers each request with the status, after so many seconds."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(line for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                await asyncio.sleep(after)
                writer.write(answer(status))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the sender hung up

    return await asyncio.start_server(converse, "127.0.0.1", 0)


async def main() -> None:
    servers = [await serve("204 No Content") for _ in range(HEALTHY)]
    servers += [await serve("204 No Content", after) for after in (NEVER, LATE)]
    servers.append(await serve("500 Internal Server Error"))
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        ports.append(closed.getsockname()[1])
    print(json.dumps([f"http://127.0.0.1:{port}/hook" for port in ports]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
