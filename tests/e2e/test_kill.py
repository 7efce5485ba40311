"""Killing the relayer (-9) at random moments changes no balance and loses no receipt."""

import json
import os
import signal
import sqlite3
import time

import pytest

pytestmark = [pytest.mark.node, pytest.mark.slow]
KILLS, SEED = 5, 20_261_122


def play(run, trace, folder, *more):
    done = run(
        *("replay", trace, "--format", "azure-llm", "--customers", 20, "--providers", 15),
        *(
            "--unit-price",
            600_000,
            "--fee-bps",
            500,
            "--report",
            folder / "out.json",
            "--work",
            folder,
            *more,
        ),
    )
    return done, folder / "out.json"


def stored(folder, table):
    with sqlite3.connect(folder / "relayer.sqlite3") as database:
        return database.execute(f"SELECT count(*), count(DISTINCT hash) FROM {table}").fetchone()


def balances(path):
    report = json.loads(path.read_text())
    return {
        name: report[name]
        for name in ("receipts", "agreements", "units", "gross", "fees", "net", "per_agreement")
    }


@pytest.fixture
def trace(llm_trace):
    # 300 agreements, so that more than one batch is needed.
    return llm_trace(3_000)


def test_replay__relayer_killed_five_times__ends_as_an_undisturbed_run(run, trace, tmp_path):
    calm, calm_report = play(run, trace, tmp_path / "calm")
    assert calm.wait() == 0, calm.said
    rough, rough_report = play(run, trace, tmp_path / "rough", "--chaos-kills", KILLS, "--chaos-seed", SEED)
    assert rough.wait() == 0, rough.said
    assert rough.said.count("chaos: killed the relayer") == KILLS
    assert rough.said.count("was killed by SIGKILL") == KILLS
    assert balances(rough_report) == balances(calm_report)
    assert json.loads(rough_report.read_text())["conserved"] is True
    for table in ("receipts", "verdicts"):
        assert stored(tmp_path / "rough", table) == stored(tmp_path / "calm", table) == (3_000, 3_000)


def test_replay__somebody_else_kills_the_relayer__goes_on_with_another(run, trace, tmp_path):
    work = tmp_path / "work"
    done, report = play(run, trace, work)
    struck = set()
    for _ in range(2):
        done.until(r"relayer runs: pid \d+" + "(?s:.*)relayer runs: pid" * len(struck))
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                pid = json.loads((work / "relayer.json").read_text())["pid"]
            except (OSError, ValueError):
                pid = None
            if pid and pid not in struck:
                break
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        struck.add(pid)
    assert done.wait() == 0, done.said
    assert len(struck) == 2
    assert done.said.count("was killed by SIGKILL") == 2
    outcome = json.loads(report.read_text())
    assert (outcome["receipts"], outcome["conserved"]) == (3_000, True)
