"""A webhook receiver: verify, remember the id, answer, then work. pip install standardwebhooks

WEBHOOK_SECRET=whsec_… python receiver.py 8080
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
seen: set[str] = set()  # yours: a table with a unique id
newest: dict[str, int] = {}  # yours: a column beside each object


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            webhook.verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            self.answer(400)
            return
        if self.headers["webhook-id"] not in seen:  # the same event may come more than once
            seen.add(self.headers["webhook-id"])
            handle(json.loads(body))  # better: put it into a queue
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def handle(event: dict[str, Any]) -> None:
    """Events may come out of order: an older one than you have of an object tells nothing new."""
    about = event["data"]["id"]
    if event["sequence"] <= newest.get(about, 0):
        return
    newest[about] = event["sequence"]
    print(event["type"], about, flush=True)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
