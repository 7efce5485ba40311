"""Ends what a replay started when the replay itself is gone, even by SIGKILL.

Runs as a script of its own, in its own session, with a pipe from the replay as its standard input. Lines:
`+PID` watch this process, `-PID` do not any more, `=FOLDER` remove this folder at the end. When the pipe
closes, whatever
is still watched is killed. Standard library only, so that it starts in milliseconds; nothing here imports
Tallystick.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TextIO


def started_at(pid: int) -> str | None:
    """What tells a process from a later one with the same number: its start time in clock ticks; None when
    gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def listen(lines: TextIO) -> tuple[dict[int, str], list[str]]:
    """Reads until the pipe closes. Returns the processes still watched, and the folders to remove."""
    watched: dict[int, str] = {}
    folders: list[str] = []
    for line in lines:
        order, rest = line[:1], line[1:].rstrip("\n")
        if order == "+":
            birth = started_at(int(rest))
            if birth is not None:
                watched[int(rest)] = birth
        elif order == "-":
            watched.pop(int(rest), None)
        elif order == "=":
            folders.append(rest)
    return watched, folders


def main() -> None:
    """Listens, then kills and removes what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched, folders = listen(sys.stdin)
    for pid, birth in watched.items():
        if started_at(pid) == birth:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
