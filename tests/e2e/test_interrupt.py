"""Whatever ends a replay, nothing of it stays behind."""

import os
import signal
import time

import pytest

from .conftest import children_of, gone

pytestmark = pytest.mark.node


@pytest.fixture
def playing(run, llm_trace, tmp_path):
    """A replay whose relayer runs, in a temporary folder of its own; and all its processes."""
    (tmp_path / "tmp").mkdir()
    done = run(
        *("replay", llm_trace(60_000), "--format", "azure-llm", "--customers", 5, "--providers", 5),
        *("--unit-price", 600_000, "--fee-bps", 500, "--report", tmp_path / "out.json"),
        environment={"TMPDIR": str(tmp_path / "tmp")},
    )
    done.until("relayer runs: pid")
    children = children_of(done.process.pid)
    assert len(children) >= 3  # Anvil, the relayer, the watchdog
    return done, children


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "told to end")]
)
def test_replay__told_to_stop__cleans_up_and_says_so(playing, tmp_path, number, code, word):
    done, children = playing
    os.kill(done.process.pid, number)
    assert done.wait(30) == code, done.said
    assert word in done.said
    assert "Traceback" not in done.said
    assert gone(children)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "out.json").exists()


def test_replay__killed__takes_its_children_along(playing, tmp_path):
    done, children = playing
    os.kill(done.process.pid, signal.SIGKILL)
    done.process.wait()
    assert gone(children)
    until = time.monotonic() + 10
    while any((tmp_path / "tmp").iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list((tmp_path / "tmp").iterdir()) == []
