"""Standard output and standard error that outlast their readers, and print any name."""

import contextlib
import os
import signal
import sys


def secure_streams() -> None:
    """Let no stream end a command: one that is closed, whose reader has gone, or whose locale lacks
    a character (which is then escaped)."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # closed; else the next file that is opened would get its number
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Outlasting(stream))


def on_signals_that_end(handler) -> None:
    """Call a handler at SIGTERM; when the terminal is closed (SIGHUP), unless that is ignored as
    by ``nohup``; and when who reads the output has gone (SIGPIPE)."""
    signal.signal(signal.SIGTERM, handler)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, handler)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, handler)


class _Outlasting:
    """A stream that goes on as if into nothing once nobody can read it: the signal that comes with
    that ends the command, not an exception out of whatever was printing."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        return self._outlast(self._stream.write, text)

    def flush(self):
        self._outlast(self._stream.flush)

    def _outlast(self, act, *args):
        try:
            return act(*args)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            with contextlib.suppress(OSError):
                self._stream.flush()  # what had not been written goes there, too
            return None

    def __getattr__(self, name):
        return getattr(self._stream, name)
