"""Children do not outlive a replay that is killed. Real processes."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tallystick.replay.guard import Guard
from tallystick.replay.watchdog import listen, started_at

PARENT = """
import subprocess, sys, time
from pathlib import Path
from tallystick.replay.guard import Guard
with Guard() as guard:
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    guard.watch(child.pid)
    guard.remove(Path(sys.argv[1]))
    print(child.pid, flush=True)
    time.sleep(60)
"""


def ended(pid, seconds=5.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if started_at(pid) is None:
            return True
        time.sleep(0.02)
    return False


def test_guard__owner_is_killed__ends_the_child_and_removes_the_folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "file").write_text("x")
    owner = subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True)
    child = int(owner.stdout.readline())
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    # Nobody but init reaps the orphan: a zombie counts as ended.
    assert ended(child) or zombie(child)
    until = time.monotonic() + 5
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not folder.exists()


def zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_guard__child_was_released__lives_on():
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        with Guard() as guard:
            guard.watch(child.pid)
            guard.release(child.pid)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_listen__process_that_is_gone_already__is_not_watched():
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    assert listen(io.StringIO(f"+{child.pid}\n=/some/folder\n")) == ({}, ["/some/folder"])


def test_listen__watched_and_released__keeps_the_others():
    watched, _ = listen(io.StringIO(f"+{os.getpid()}\n+{os.getppid()}\n-{os.getppid()}\n"))
    assert list(watched) == [os.getpid()]
