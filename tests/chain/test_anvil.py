"""Anvil starts, obeys, and ends with its owner."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallystick.chain.anvil import DEV_KEYS, Anvil, find_anvil
from tallystick.chain.errors import AnvilFailed, NodeUnreachable
from tallystick.chain.node import Node
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner

CAROL = "0x" + "33" * 20


def is_up(url: str) -> bool:
    """Whether something answers there."""
    try:
        return Node.connect(url).chain_id() == 31337
    except NodeUnreachable:
        return False


def test_start__five_at_once__have_ports_of_their_own() -> None:
    with ThreadPoolExecutor(5) as pool:
        nodes = list(pool.map(lambda _: Anvil().start(), range(5)))
    try:
        assert len({node.url for node in nodes}) == 5
        assert {node.node.chain_id() for node in nodes} == {31337}
    finally:
        for node in nodes:
            node.stop()


def test_stop__its_own_process__is_gone_and_another_lives() -> None:
    with Anvil() as other:
        anvil = Anvil(chain_id=99).start()
        url, pid = anvil.url, anvil.pid
        assert anvil.node.chain_id() == 99
        anvil.stop()
        anvil.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(NodeUnreachable, match=r"does not answer .ConnectError.: is it running"):
            Node.connect(url).chain_id()
        with pytest.raises(AnvilFailed, match="not running"):
            anvil.node.chain_id()
        assert other.node.chain_id() == 31337


def test_start__owner_is_killed__anvil_ends_with_it() -> None:
    program = "import time; from tallystick.chain.anvil import Anvil; print(Anvil().start().url, flush=True)"
    owner = subprocess.Popen(
        [sys.executable, "-c", f"{program}; time.sleep(60)"], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    assert Node.connect(url).chain_id() == 31337
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 20
    while is_up(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_up(url)


def test_start__flags_that_anvil_does_not_take__tells_its_last_words() -> None:
    with pytest.raises(AnvilFailed, match=r"did not start.*hardfork"):
        Anvil(hardfork="atlantis").start()


def test_start__twice__is_refused(anvil: Anvil) -> None:
    with pytest.raises(AnvilFailed, match="running already"):
        anvil.start()


def test_find_anvil__named_by_variable__must_be_runnable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_anvil().name == "anvil"
    monkeypatch.setenv("TALLYSTICK_ANVIL", str(tmp_path / "none"))
    with pytest.raises(AnvilFailed, match="cannot be run"):
        find_anvil()


def test_find_anvil__nowhere__says_make_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.chain.anvil._roots", lambda: [tmp_path])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnvilFailed, match="run `make setup`"):
        find_anvil()


def test_clock__increase_and_warp__move_the_latest_block(anvil: Anvil) -> None:
    before = anvil.node.timestamp()
    assert anvil.increase_time(86_400) == anvil.node.timestamp() == before + 86_400
    anvil.set_next_block_timestamp(before + 90_000)
    anvil.mine()
    assert anvil.node.timestamp() == before + 90_000
    assert anvil.warp(before + 100_000) == anvil.node.timestamp()


def test_mine__three_blocks_ten_seconds_apart__are_there(anvil: Anvil) -> None:
    number, time = anvil.node.block_number(), anvil.node.timestamp()
    anvil.mine(3, interval=10)
    assert anvil.node.block_number() == number + 3
    assert anvil.node.timestamp() >= time + 20


def test_snapshot__revert__takes_back_and_is_used_up(anvil: Anvil) -> None:
    snapshot = anvil.snapshot()
    anvil.set_balance(CAROL, 5)
    assert anvil.node.balance(CAROL) == 5
    anvil.revert(snapshot)
    assert anvil.node.balance(CAROL) == 0
    with pytest.raises(AnvilFailed, match="no snapshot"):
        anvil.revert(snapshot)


def test_finality__slots_of_one__latest_block_but_two_is_final(anvil: Anvil) -> None:
    anvil.mine(5)
    latest = anvil.node.block_number()
    assert int(anvil.node.block("finalized")["number"], 16) == latest - 2
    assert int(anvil.node.block("safe")["number"], 16) == latest - 1


def test_reorg__depth_of_one__takes_the_transaction_out() -> None:
    with Anvil() as anvil:
        sender = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[0]))
        anvil.mine(2)
        receipt = sender.send(CAROL, b"", 7)
        assert anvil.node.balance(CAROL) == 7
        anvil.reorg(1)
        assert anvil.node.receipt(receipt.transaction) is None
        assert anvil.node.balance(CAROL) == 0


def test_state__file__carries_the_chain_over(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with Anvil(state=state) as anvil:
        anvil.set_balance(CAROL, 5)
        anvil.mine()
    with Anvil(state=state) as anvil:
        assert anvil.node.balance(CAROL) == 5


def test_timestamp__of_the_first_block__is_as_asked() -> None:
    with Anvil(timestamp=1_700_000_000) as anvil:
        assert anvil.node.timestamp(0) == 1_700_000_000
