"""Between us and PostgreSQL: a proxy that loses the answer to a COMMIT that was carried out."""

from __future__ import annotations

import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer

COMMIT = b"COMMIT\0"
"""As libpq sends it, and the tag with which the server says that it is done."""
PIECE = 65536


class CuttingProxy(ThreadingTCPServer):
    """Passes on what comes to `port`, until a connection is cut; any number of connections."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.to = (host, port)
        self.port: int = self.server_address[1]
        self.left = 0
        self.lost = 0
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def lose_commit(self, number: int) -> None:
        """The server carries out the `number`-th COMMIT from now; its answer reaches nobody."""
        self.left = number

    def close(self) -> None:
        """Whoever was connected has left before."""
        self.shutdown()
        self.server_close()


class _Passing(BaseRequestHandler):
    server: CuttingProxy
    request: socket.socket

    def handle(self) -> None:
        self.is_doomed = False
        with socket.create_connection(self.server.to) as there:
            back = threading.Thread(target=self._answer, args=[there])
            back.start()
            while piece := _received(self.request):
                if COMMIT in piece:
                    self.server.left -= 1
                    self.is_doomed = self.server.left == 0
                there.sendall(piece)
            there.shutdown(socket.SHUT_WR)
            back.join()

    def _answer(self, there: socket.socket) -> None:
        while piece := _received(there):
            if self.is_doomed and COMMIT in piece:
                self.server.lost += 1
                break
            self.request.sendall(piece)
        self.request.shutdown(socket.SHUT_RDWR)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(PIECE)
    except ConnectionError:
        return b""
