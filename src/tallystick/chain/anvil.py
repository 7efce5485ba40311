"""A real Anvil as a child process: on a free port, with the hardfork we test on, stopped with its owner.

The binary is that of the npm package `@foundry-rs/anvil-linux-amd64` in the project's `node_modules`,
or `anvil` on PATH.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tallystick.chain.errors import AnvilFailed
from tallystick.chain.node import Node

__all__ = ["DEV_KEYS", "Anvil", "find_anvil"]

_PACKAGE = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
# Runs Anvil and ends it when our end of standard input closes: that happens even if this process is killed.
_WATCH = (
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; '
    '{ cat <&3; kill "$child"; } >/dev/null 2>&1 & watch=$!; '
    'wait "$child"; code=$?; kill "$watch" 2>/dev/null; exit "$code"'
)
_LISTENING = re.compile(r"Listening on (\S+):(\d+)")

# The public keys of the mnemonic "test test … junk", which every local chain funds. Never for more.
DEV_KEYS: tuple[str, ...] = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
)


def _roots() -> list[Path]:
    """Folders that may hold `node_modules`: the working folder and this file's, with all that they lie in."""
    here, work = Path(__file__).resolve(), Path.cwd()
    return [*here.parents, work, *work.parents]


def find_anvil() -> Path:
    """The binary: TALLYSTICK_ANVIL, the project's `node_modules`, or PATH. Raises AnvilFailed."""
    said = os.environ.get("TALLYSTICK_ANVIL")
    if said:
        if os.access(said, os.X_OK):
            return Path(said)
        raise AnvilFailed(f"TALLYSTICK_ANVIL names {said}, which cannot be run")
    for root in _roots():
        if os.access(root / _PACKAGE, os.X_OK):
            return root / _PACKAGE
    found = shutil.which("anvil")
    if found:
        return Path(found)
    raise AnvilFailed(
        "Anvil was not found, neither in node_modules nor on PATH: run `make setup` in the project's folder, "
        "or give an endpoint with --rpc"
    )


class Anvil:
    """A context manager around one Anvil process; `url` is its JSON-RPC endpoint, `node` a client for it.

    The port is chosen by the system (`--port 0`), so that any number runs side by side.
    """

    def __init__(
        self,
        *,
        chain_id: int = 31337,
        hardfork: str | None = "prague",
        slots_in_an_epoch: int = 1,
        block_time: int | None = None,
        state: Path | None = None,
        prune_history: bool = False,
        timestamp: int | None = None,
        accounts: int = 10,
        port: int = 0,
        start_timeout: float = 30.0,
        extra: tuple[str, ...] = (),
        scratch: Path | None = None,
        spawned: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Nothing starts before `start` or `with`.

        :param hardfork: None takes Anvil's own, which is newer than what we deploy to.
        :param block_time: seconds between blocks; each transaction has its own block when left out.
        :param state: file that the chain is loaded from, if it exists, and written to when Anvil stops.
        :param prune_history: keeps a long chain fast, but forgets old states (no reorgs).
        :param timestamp: unix time of the first block.
        :param start_timeout: seconds until a start counts as failed.
        :param scratch: folder in which Anvil's own temporary files lie; the system's when left out.
        :param spawned: told the process id as soon as there is one, before Anvil listens.
        """
        self._scratch_parent = scratch
        self._spawned = spawned
        self._flags = ["--port", str(port), "--chain-id", str(chain_id), "--accounts", str(accounts)]
        self._flags += ["--slots-in-an-epoch", str(slots_in_an_epoch)]
        self._flags += ["--hardfork", hardfork] if hardfork else []
        self._flags += ["--block-time", str(block_time)] if block_time is not None else []
        self._flags += ["--state", str(state)] if state is not None else []
        self._flags += ["--prune-history"] if prune_history else []
        self._flags += ["--timestamp", str(timestamp)] if timestamp is not None else []
        self._flags += extra
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[str] | None = None
        self._output: deque[str] = deque(maxlen=50)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._node: Node | None = None
        self.chain_id = chain_id
        self.url = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Anvil({self.url or 'not running'})"

    @property
    def node(self) -> Node:
        """Raises AnvilFailed when it is not running."""
        if self._node is None:
            raise AnvilFailed("Anvil is not running")
        return self._node

    @property
    def pid(self) -> int:
        """Process id of the shell that watches over Anvil, which leads its process group. Raises AnvilFailed."""
        if self._process is None:
            raise AnvilFailed("Anvil is not running")
        return self._process.pid

    def start(self) -> Self:
        """Starts Anvil and waits until it listens. Raises AnvilFailed with its last words."""
        if self._process is not None:
            raise AnvilFailed("Anvil is running already")
        binary = find_anvil()
        self._scratch = tempfile.TemporaryDirectory(prefix="tallystick-anvil-", dir=self._scratch_parent)
        command = [
            "/bin/sh",
            "-c",
            _WATCH,
            "sh",
            str(binary),
            "--host",
            "127.0.0.1",
            "--cache-path",
            self._scratch.name,
            *self._flags,
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
            start_new_session=True,
        )
        self._spawned(self._process.pid)
        said: queue.Queue[str | None] = queue.Queue(maxsize=1)
        threading.Thread(target=self._read, args=(self._process, said), daemon=True).start()
        try:
            url = said.get(timeout=self._start_timeout)
        except queue.Empty:
            url = None
        if url is None:
            last = " ".join(line.strip() for line in self._output if line.strip()) or "it said nothing"
            self.stop()
            raise AnvilFailed(f"Anvil did not start within {self._start_timeout:g} s: {last}")
        self.url = url
        self._node = Node.connect(url)
        return self

    def _read(self, process: subprocess.Popen[str], said: queue.Queue[str | None]) -> None:
        """Drains Anvil's output for as long as it runs, so that it never blocks on a full pipe."""
        found = False
        assert process.stdout is not None
        with contextlib.suppress(ValueError):  # closed by `stop`
            for line in process.stdout:
                if not found:
                    self._output.append(line)
                    match = _LISTENING.search(line)
                    if match:
                        found = True
                        said.put(f"http://{match[1]}:{match[2]}")
        if not found:
            said.put(None)

    def stop(self, timeout: float = 10.0) -> None:
        """Ends this process and no other; SIGTERM first, so that a state file is written."""
        process, self._process = self._process, None
        node, self._node = self._node, None
        if node is not None:
            node.close()
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its own group: see start_new_session
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
        self.url = ""

    # What a test or a replay does with the chain itself

    def mine(self, blocks: int = 1, interval: int = 1) -> None:
        """Mines `blocks` blocks, `interval` seconds apart."""
        self.node.request("anvil_mine", [hex(blocks), hex(interval)])

    def set_next_block_timestamp(self, timestamp: int) -> None:
        """Gives the next block this unix time; it must lie after the latest block's."""
        self.node.request("evm_setNextBlockTimestamp", [timestamp])

    def increase_time(self, seconds: int) -> int:
        """Moves the clock on and mines a block, so that views see it. Returns the new block's unix time."""
        return self.warp(self.node.timestamp() + seconds)

    def warp(self, timestamp: int) -> int:
        """Mines one block at this unix time; later ones go on from there. Returns it."""
        self.set_next_block_timestamp(timestamp)
        self.mine()
        return timestamp

    def set_balance(self, address: str, wei: int) -> None:
        """Sets an account's balance in wei."""
        self.node.request("anvil_setBalance", [address, hex(wei)])

    def snapshot(self) -> str:
        """Remembers the state; returns its id."""
        return str(self.node.request("evm_snapshot", []))

    def revert(self, snapshot: str) -> None:
        """Goes back to a snapshot, which is used up. Raises AnvilFailed when there is no such one."""
        if self.node.request("evm_revert", [snapshot]) is not True:
            raise AnvilFailed(f"Anvil has no snapshot {snapshot}")

    def reorg(self, depth: int, transactions: list[Mapping[str, Any]] | None = None) -> None:
        """Replaces the newest `depth` blocks by empty ones (or such with `transactions`)."""
        self.node.request("anvil_reorg", [depth, transactions or []])
