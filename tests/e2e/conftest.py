"""Real runs: an Anvil, a deployment, a relayer process. Every test has its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LLM_HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


class Run:
    """One `tallystick` process; its words go to a file, so that it never waits for a reader."""

    def __init__(self, arguments, folder, environment=None):
        self.log = folder / f"said-{time.monotonic_ns()}.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tallystick", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                # Whoever starts the tests in the background makes them ignore SIGINT, and it is inherited.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def said(self):
        return self.log.read_text("utf-8")

    def wait(self, seconds=240):
        """Exit code; what it said is part of the failure when it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.said}") from None

    def until(self, pattern, seconds=120):
        """Waits until it says something; returns the match."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            match = re.search(pattern, self.said)
            if match:
                return match
            assert self.process.poll() is None, f"it ended before saying {pattern!r}:\n{self.said}"
            time.sleep(0.02)
        raise AssertionError(f"it never said {pattern!r}:\n{self.said}")


@pytest.fixture
def run(tmp_path):
    """Starts `tallystick …` in the test's folder; whatever still runs at the end is killed."""
    runs = []

    def start(*arguments, environment=None):
        runs.append(Run(arguments, tmp_path, environment))
        return runs[-1]

    yield start
    for one in runs:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def llm_trace(tmp_path):
    """A trace of `count` requests in the Azure format; request k has 1000 + 37 k tokens."""

    def write(count, name="trace.csv"):
        path = tmp_path / name
        lines = (f"2026-11-02 09:{k // 60 % 60:02}:{k % 60:02},{1000 + 30 * k},{7 * k}" for k in range(count))
        path.write_text(LLM_HEADER + "\n".join(lines) + "\n")
        return path

    return write


def children_of(pid):
    """Process ids of all descendants, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found, frontier = set(), {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def running(pid):
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def gone(pids, seconds=10):
    """Waits until none of them runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False
