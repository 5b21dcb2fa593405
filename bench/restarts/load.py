"""What partners ask of a stack that may be killed at any moment."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import requests

THREADS = 4
PATIENCE_SECONDS = 120
CUSTOMERS = 8


@dataclass
class Asked:
    """A request, and the id of what it made once it was answered."""

    path: str
    body: dict[str, object]
    key: str = field(default_factory=lambda: uuid4().hex)
    made: str | None = None


class Load:
    """Credits, charges by wallet, card and both, and orders, for customers called `name-…`."""

    def __init__(self, settings: Mapping[str, str], *, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.asked: list[Asked] = []
        self.follow(settings)
        for number in range(CUSTOMERS):
            self._answer(Asked("/wallets", {"customer_id": f"{name}-{number}"}))

    def follow(self, settings: Mapping[str, str]) -> None:
        """The stack may have started on another port."""
        self.url = f"http://127.0.0.1:{settings['PORT']}"
        self.headers = {"Authorization": f"Bearer {settings['DEMO_API_KEY']}"}

    @contextmanager
    def under_way(self) -> Iterator[None]:
        stopped = threading.Event()
        threads = [threading.Thread(target=self._ask, args=[n, stopped]) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopped.set()
            for thread in threads:
                thread.join()

    def _ask(self, number: int, stopped: threading.Event) -> None:
        """What the stack does not answer is asked again by `repeat_all`."""
        rng = random.Random(f"{self.seed}:{number}")
        while not stopped.is_set():
            asked = self._new(rng)
            self.asked.append(asked)
            try:
                asked.made = self._send(asked)
            except requests.RequestException:
                stopped.wait(0.2)

    def _new(self, rng: random.Random) -> Asked:
        customer = f"{self.name}-{rng.randrange(CUSTOMERS)}"
        amount = f"{rng.randint(100, 9_000) / 100:.2f}"
        kind = rng.choice(["credit", "credit", "charge", "charge", "charge", "order"])
        if kind == "credit":
            return Asked(f"/wallets/{customer}/credit", {"amount": amount})
        card = {"payment_method": rng.choice(["pm_card_visa", "pm_card_visa_chargeDeclined"])}
        body: dict[str, object] = {"customer_id": customer, "amount": amount, **card}
        if kind == "charge":
            return Asked("/charges", body)
        more = {"amount": "60.00", "installment_count": 3, "payment_method": "pm_card_visa"}
        return Asked("/installments/orders", {**body, **more})

    def repeat_all(self) -> None:
        """Each request is answered, and as before where it was answered before.

        Raises SystemExit with a sentence otherwise.
        """
        for asked in self.asked:
            made = self._answer(asked)
            if asked.made not in (None, made):
                raise SystemExit(f"{asked} was answered again as {made}")

    def _answer(self, asked: Asked) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._send(asked)
            except requests.RequestException as failure:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{asked} is not answered: {failure}") from failure
                time.sleep(0.2)

    def _send(self, asked: Asked) -> str:
        """The id of what it made. Raises requests.RequestException; SystemExit when refused."""
        answer = requests.post(
            f"{self.url}{asked.path}", json=asked.body, timeout=30,
            headers={**self.headers, "Idempotency-Key": asked.key},
        )  # fmt: skip
        if answer.status_code >= 500 or answer.status_code in (409, 429):
            answer.raise_for_status()
        if not answer.ok:
            raise SystemExit(f"{asked} is refused: {answer.status_code} {answer.text}")
        made = answer.json()
        return str(made.get("id") or made.get("transaction_id") or made["customer_id"])
