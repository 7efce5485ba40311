"""The relayer as a child: restarted when it dies, given up when it never lives, killed by a seed. Real processes."""

import os
import signal
import sys
import time

import pytest

from tallystick.replay.errors import RelayerGone
from tallystick.replay.guard import Guard
from tallystick.replay.supervisor import Chaos, Supervisor

READY = """
import json, os, sys, time
path = sys.argv[sys.argv.index("--ready-file") + 1]
with open(path + ".new", "w") as file:
    json.dump({"url": "http://127.0.0.1:1", "pid": os.getpid()}, file)
os.rename(path + ".new", path)
time.sleep(60)
"""


@pytest.fixture
def said():
    return []


@pytest.fixture
def make(tmp_path, said):
    with Guard() as guard:
        made = []

        def supervisor(script, **options):
            command = [sys.executable, "-S", "-c", script]
            made.append(
                Supervisor(command, tmp_path, guard, environment={}, say=said.append, pause=0.01, **options)
            )
            return made[-1]

        yield supervisor
        for one in made:
            one.stop(grace=0)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_start__process_says_it_is_ready__tells_pid_and_address(make, said, tmp_path):
    relayer = make(READY)
    relayer.start()
    assert relayer.url == "http://127.0.0.1:1"
    assert alive(relayer.pid)
    assert f"pid {relayer.pid}" in said[0]
    assert str(tmp_path) in said[0]


def test_ensure__process_lives__does_nothing(make):
    relayer = make(READY)
    relayer.start()
    pid = relayer.pid
    assert relayer.ensure() is False
    assert relayer.pid == pid


def test_ensure__process_was_killed__starts_another_and_says_so(make, said):
    relayer = make(READY)
    relayer.start()
    pid = relayer.pid
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert relayer.ensure() is True
    assert relayer.pid != pid
    assert alive(relayer.pid)
    assert relayer.restarts == 1
    assert any("SIGKILL" in line and str(pid) in line for line in said)


def test_start__process_ends_at_once__gives_up_with_its_last_words(make):
    relayer = make("import sys; print('the database is locked'); sys.exit(3)")
    with pytest.raises(RelayerGone, match="the database is locked"):
        relayer.start()
    assert relayer.pid == 0


def test_start__killed_again_and_again_before_it_is_up__is_started_until_it_is(make, tmp_path, said):
    # Seven times it kills itself, as somebody else would; more often than it may fail by itself.
    script = (
        f"""
import os, signal
from pathlib import Path
deaths = Path({str(tmp_path / "deaths")!r})
count = len(deaths.read_text()) if deaths.exists() else 0
if count < 7:
    deaths.write_text("x" * (count + 1))
    os.kill(os.getpid(), signal.SIGKILL)
"""
        + READY
    )
    relayer = make(script)
    relayer.start()
    assert alive(relayer.pid)
    assert sum("killed before it was up" in line for line in said) == 7


def test_start__process_stays_silent__is_ended(make):
    relayer = make("import time; time.sleep(60)", start_timeout=0.1)
    with pytest.raises(RelayerGone):
        relayer.start()
    assert relayer.pid == 0


def test_stop__process_ignores_sigterm__is_killed(make):
    relayer = make("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY)
    relayer.start()
    pid = relayer.pid
    relayer.stop(grace=0.3)
    assert not alive(pid)


def test_chaos__three_kills__all_strike_and_each_is_answered(make, said):
    relayer = make(READY)
    relayer.start()
    chaos = Chaos(3, 7, relayer, said.append)
    for step in range(1, 6):
        chaos.progress(step / 5)
        relayer.ensure()
    chaos.finish()
    assert (chaos.done, chaos.left) == (3, 0)
    assert relayer.restarts == 3
    assert alive(relayer.pid)
    assert sum(line.startswith("chaos: killed") for line in said) == 3


def test_chaos__no_kills__never_strikes(make, said):
    relayer = make(READY)
    relayer.start()
    chaos = Chaos(0, 7, relayer, said.append)
    chaos.progress(1.0)
    chaos.finish()
    assert relayer.restarts == 0
