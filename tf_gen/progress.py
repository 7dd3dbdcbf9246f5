"""How far something that takes long has come: a line on standard output, where a log is; standard
error is for what went wrong."""

import sys

from tqdm import tqdm


class _Lines(tqdm):
    """For a log: whole lines, where tqdm rewrites one, and none that says nothing new."""

    monitor_interval = 0  # no thread: nothing is left for it to do

    def display(self, msg=None, pos=None):
        if self.n != self.last_print_n:
            self.fp.write(f"{self}\n")
            self.fp.flush()


def progress(total, title="", unit="images", **options) -> tqdm:
    """A ``tqdm`` to use in a ``with``: ``update(n)`` counts n more.

    On a terminal one line, rewritten at most twice a second; elsewhere a line at most every minute
    and one at the end. Nothing is printed if there is nothing to do.

    ``set_postfix_str(text, refresh=False)`` adds a text; without ``refresh=False`` it prints at
    once, however often it is called.

    Args:
        total: how many units there are; None if nobody knows.
        title: what is done with them.
        options: of ``tqdm``, such as ``initial``, ``postfix`` and ``unit_scale``.
    """
    kind, manner = _Lines, {"mininterval": 60.0, "leave": False}  # no empty line after the last
    if sys.stdout.isatty():
        kind, manner = tqdm, {"mininterval": 0.5, "dynamic_ncols": True}
    # miniters: time alone decides; tqdm would guess after how many updates to look at it
    return kind(
        total=total, desc=title, unit=unit, file=sys.stdout, miniters=1, disable=total == 0,
        **manner, **options,
    )  # fmt: skip
