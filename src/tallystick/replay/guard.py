"""Our end of the watchdog: children that must not outlive us are told to it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tallystick.replay import watchdog

__all__ = ["Guard", "ignore_interrupts", "uninterrupted"]


def ignore_interrupts() -> None:
    """From here on only cleaning up is left: Ctrl-C shall not cut that short."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """As `ignore_interrupts`, for as long as this lasts."""
    before = signal.getsignal(signal.SIGINT)
    ignore_interrupts()
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


class Guard:
    """A context manager; when this process ends, however, what is watched ends with it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(watchdog.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def watch(self, pid: int) -> None:
        """Kill this process when we are gone."""
        self._tell(f"+{pid}")

    def release(self, pid: int) -> None:
        """It ended; its number may be somebody else's soon."""
        self._tell(f"-{pid}")

    def remove(self, folder: Path) -> None:
        """Remove this folder when we are gone."""
        self._tell(f"={folder}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            # The watchdog was killed. That costs the safety net, not the replay.
            pass
