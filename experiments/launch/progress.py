"""How far a command has come."""

import sys
import time


class Progress:
    """A line on stderr: rewritten twice a second on a terminal, elsewhere one every minute.

    Args: total: how many images (or other units) there are; title: what is done with them.
    """

    def __init__(self, total: int, title: str = "", unit: str = "images"):
        self.total, self.done, self.title, self.unit = total, 0, title, unit
        self.terminal = sys.stderr.isatty()

    def __enter__(self):
        self.started = self.printed = time.monotonic()
        return self

    def step(self, count: int = 1) -> None:
        """Count so many more."""
        from tf_gen.training.callbacks import clock_time

        self.done += count
        now = time.monotonic()
        if self.done < self.total and now - self.printed < (0.5 if self.terminal else 60.0):
            return
        self.printed = now
        rate = self.done / max(now - self.started, 1e-6)
        left = clock_time((self.total - self.done) / rate)
        start = f"{self.title}: " if self.title else ""
        text = f"{start}{self.done}/{self.total}  {rate:.2f} {self.unit}/s  {left} left"
        sys.stderr.write(f"\r{text:<50}" if self.terminal else f"{text}\n")
        sys.stderr.flush()

    def __exit__(self, *error):
        if self.terminal:
            print(file=sys.stderr)
