"""`--rpc`: somebody's node, in real time, two replays side by side."""

import json
from pathlib import Path

import pytest

from tallystick.chain.anvil import Anvil
from tallystick.protocol.keys import PrivateKey, to_checksum
from tests.e2e.conftest import children_of

pytestmark = [pytest.mark.node, pytest.mark.slow]


def play(run, node, trace, report, environment=None):
    return run(
        *("replay", trace, "--format", "azure-llm", "--customers", 3, "--providers", 2),
        *("--unit-price", 600_000, "--fee-bps", 500, "--report", report, "--rpc", node.url, "--window", 3),
        environment=environment,
    )


def test_replay__two_on_one_sleepy_dev_node__both_settle(run, llm_trace, tmp_path):
    # Blocks come with transactions only, and final is what is 64 blocks old, as on a default Anvil.
    with Anvil(slots_in_an_epoch=32) as node:
        runs = [play(run, node, llm_trace(20 + n, f"{n}.csv"), tmp_path / f"{n}.json") for n in range(2)]
        for number, done in enumerate(runs):
            assert done.wait() == 0, done.said
            report = json.loads((tmp_path / f"{number}.json").read_text())
            assert (report["receipts"], report["conserved"]) == (20 + number, True)


def test_replay__node_with_its_own_pace_and_a_key_of_ours__settles_and_gives_back(run, llm_trace, tmp_path):
    secret = "0x" + "42" * 32
    payer = to_checksum(PrivateKey.from_hex(secret).address)
    with Anvil(block_time=1, chain_id=1337) as node:
        node.set_balance(payer, 10**20)
        key = tmp_path / "key"
        key.write_text(secret)
        trace = llm_trace(12)
        poor = play(run, node, trace, tmp_path / "poor.json")
        assert poor.wait() == 2, poor.said
        assert "TALLYSTICK_DEPLOYER_KEY" in poor.said
        done = play(run, node, trace, tmp_path / "out.json", {"TALLYSTICK_DEPLOYER_KEY_FILE": str(key)})
        assert done.wait() == 0, done.said
        report = json.loads((tmp_path / "out.json").read_text())
        assert (report["receipts"], report["conserved"]) == (12, True)
        # What was not spent came back: the run cost a small part of what it borrowed.
        assert 10**20 - node.node.balance(payer) < 3 * 10**17
        assert secret[2:] not in done.said


def test_replay__address_with_a_key_from_a_file__is_on_no_command_line(run, llm_trace, tmp_path):
    with Anvil() as node:
        secret = tmp_path / "rpc"
        secret.write_text(f"{node.url}/?key=not-for-everybody\n")
        done = run(
            *("replay", llm_trace(12), "--format", "azure-llm", "--customers", 3, "--providers", 2),
            *("--unit-price", 600_000, "--fee-bps", 500, "--report", tmp_path / "out.json", "--window", 3),
            *("--rpc", "env"),
            environment={"TALLYSTICK_RPC_URL_FILE": str(secret)},
        )
        relayer = int(done.until(r"relayer runs: pid (\d+)")[1])
        family = {done.process.pid, *children_of(done.process.pid)}
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family}
        assert b"relayer" in lines[relayer]
        assert not [pid for pid, line in lines.items() if b"not-for-everybody" in line]
        assert done.wait() == 0, done.said
        report = (tmp_path / "out.json").read_text()
        assert (json.loads(report)["receipts"], json.loads(report)["conserved"]) == (12, True)
        assert "not-for-everybody" not in done.said + report
