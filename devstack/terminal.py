"""Lines of many processes on one terminal, each behind the name of the process that wrote it."""

import sys
import threading

RESET = "\033[0m"
COLOURS = [f"\033[{code}m" for code in (36, 33, 32, 35, 34, 31, 96, 93, 92, 95)]
WIDTH = 9


class Terminal:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colours: dict[str, str] = {}
        self._is_tty = sys.stdout.isatty()
        self._is_gone = False

    def show(self, name: str, line: str) -> None:
        self.print(f"{self._label(name)} {line}")

    def print(self, text: str) -> None:
        with self._lock:
            if self._is_gone:
                return
            try:
                print(text, flush=True)
            except OSError:
                # Its window was closed, or `| head` has seen enough. The processes must not
                # block or die for that: their logs go on in the files.
                self._is_gone = True

    def _label(self, name: str) -> str:
        label = f"{name:<{WIDTH}} |"
        if not self._is_tty:
            return label
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"{colour}{label}{RESET}"
