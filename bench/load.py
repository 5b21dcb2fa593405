"""A load generator that costs little itself: raw sockets, keep-alive, one thread.

`python -m bench.load PORT KEY SECONDS CONNECTIONS CUSTOMERS RUN` prints JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter

HEAD = (
    "POST /charges HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    "Content-Type: application/json\r\nIdempotency-Key: {number}\r\n"
    "Content-Length: {length}\r\n\r\n"
)


class Client:
    """One connection: sends a charge, waits for the whole answer, sends the next."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""
        self.sent_at = 0.0

    def send(self, key: str, run: str, number: int, customers: int) -> None:
        body = json.dumps({"customer_id": f"c{number % customers}", "amount": "0.01"})
        head = HEAD.format(key=key, number=f"{run}-{number}", length=len(body))
        self.answer, self.sent_at = b"", time.perf_counter()
        self.socket.sendall((head + body).encode())

    def read(self) -> int | None:
        """The status once the answer is whole."""
        self.answer += self.socket.recv(65536)
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length"))
        return int(head.split()[1]) if len(body) >= length else None


def main(port: int, key: str, seconds: float, connections: int, customers: int, run: str) -> None:
    selector = selectors.DefaultSelector()
    number, statuses, waits = 0, Counter[int](), []
    for _ in range(connections):
        client = Client(port)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send(key, run, number, customers)
        number += 1
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        for ready, _ in selector.select(timeout=1):
            client = ready.data
            status = client.read()
            if status is None:
                continue
            statuses[status] += 1
            waits.append(time.perf_counter() - client.sent_at)
            client.send(key, run, number, customers)
            number += 1
    took = now - started
    waits.sort()
    print(
        json.dumps(
            {
                "per_second": round(sum(statuses.values()) / took),
                "statuses": statuses,
                "p50_ms": round(waits[len(waits) // 2] * 1000, 1),
                "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1),
            }
        )
    )


if __name__ == "__main__":
    port, key, seconds, connections, customers, run = sys.argv[1:]
    main(int(port), key, float(seconds), int(connections), int(customers), run)
