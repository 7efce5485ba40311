"""What every replay has: a folder, a guard, a chain of its own or a borrowed one, and a deployment on it."""

from __future__ import annotations

import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.deployer import deploy
from tallystick.chain.deployment import Plan
from tallystick.chain.errors import AnvilFailed, ChainError
from tallystick.chain.node import Node
from tallystick.chain.registry import Registry
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.replay import bank
from tallystick.replay.bins import Bins
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.clock import ChainClock, DevNodeClock, LiveClock, OwnClock, is_dev_node
from tallystick.replay.errors import UsageProblem
from tallystick.replay.guard import Guard, uninterrupted
from tallystick.replay.options import ReplayOptions
from tallystick.replay.outcome import Outcome
from tallystick.replay.plan import Commitments
from tallystick.replay.stage import SETUP_ROUNDS, prepare
from tallystick.replay.terminal import Terminal
from tallystick.replay.world import World
from tallystick.sources.traces import TraceFile

__all__ = ["Session"]


class Session(ABC):
    """A context manager; the chain stays up until the context ends. What is played on it is a subclass's."""

    world: World
    clock: ChainClock
    deployer: KeySender
    cast: Cast
    parties: Parties

    def __init__(
        self,
        options: ReplayOptions,
        terminal: Terminal,
        *,
        work: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`work`: folder for the relayer's files, kept afterwards; a temporary one, removed, when left
        out."""
        self.options = options
        self._terminal = terminal
        self._work = work
        self._now = now
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._began = self._now()
        self._guard = self._stack.enter_context(Guard())
        if self._work is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tallystick-replay-"))
            self._guard.remove(self._folder)
            self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        else:
            self._work.mkdir(parents=True, exist_ok=True)
            self._folder = self._work.resolve()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._stack.close()

    @property
    def rows(self) -> TraceFile:
        """The trace, to be read any number of times."""
        asked = self.options
        return TraceFile(asked.trace, asked.format, asked.units_column, asked.units_scale, asked.limit)

    @property
    def deployments(self) -> Path:
        """Folder with the registry of this session's deployment."""
        return self._folder / "deployments"

    @property
    def first_block(self) -> int:
        """Where the deployment begins."""
        return self._first_block

    @property
    @abstractmethod
    def bins(self) -> Bins:
        """How many rows of the trace came when, once it is read."""

    @abstractmethod
    def run(self) -> Outcome:
        """Plays the trace.

        Raises:
            TallystickError: when something does not work; when figures differ the outcome says so instead.
        """

    # Steps that subclasses take in their order

    def _connect(self, providers: int, *, prune_history: bool = False, flags: tuple[str, ...] = ()) -> Node:
        """A chain for a cast of so many providers; `prune_history` and `flags` are for an Anvil of our own."""
        asked = self.options
        if asked.rpc is not None:
            self._endpoints = (asked.rpc, *asked.more_rpc)
            return self._borrow(asked.rpc, providers)
        with self._terminal.phase("starting a chain", 1):
            anvil = Anvil(
                scratch=self._folder, spawned=self._guard.watch, prune_history=prune_history, extra=flags
            )
            self._stack.callback(self._stop_anvil, anvil)
            anvil.start()
        self.cast = Cast("replay", asked.customers, providers)
        self.deployer = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[0]))
        self.clock = OwnClock(anvil)
        self._endpoints = (anvil.url,)
        return anvil.node

    def _stop_anvil(self, anvil: Anvil) -> None:
        with suppress(AnvilFailed):
            pid = anvil.pid
            anvil.stop()
            self._guard.release(pid)

    def _borrow(self, rpc: str, providers: int) -> Node:
        """On somebody's chain: keys of our own from a random seed, paid for by the banker, who gets the rest
        back."""
        asked = self.options
        try:
            node = Node.connect(rpc)
            self._stack.callback(node.close)
            node.chain_id()
            payer = bank.banker(node)
        except ChainError as problem:
            raise UsageProblem(problem.message) from None
        self.cast = Cast(bank.random_seed(), asked.customers, providers)
        deployer = PrivateKey.from_seed(self.cast.seed, "deployer")
        self.deployer = KeySender(node, KeySigner(deployer))
        setup, relaying = bank.gas_needed(asked.agreements, asked.customers, providers)
        price = node.fees().max_fee * bank.FEE_RESERVE
        with self._terminal.phase(f"borrowing gas money on chain {node.chain_id()}", 1):
            bank.fund(node, payer, self.deployer.address, (setup + relaying) * price)
        self._stack.callback(bank.give_back, node, lambda: [*self.cast.paid_keys, deployer], payer.address)
        self.clock = DevNodeClock(node, self.deployer) if is_dev_node(node) else LiveClock()
        return node

    def _deploy(self, node: Node) -> None:
        changes = {
            "chains": [node.chain_id()],
            "setup": [],
            "policies": [],
            "feeProvider": self.options.fee_bps,
            "feeCustomer": 0,
            "treasury": to_checksum(PrivateKey.from_seed(self.cast.seed, "treasury").address),
        }
        plan = Plan.from_yaml("local", changes)
        with self._terminal.phase("deploying the contracts", len(plan.names) + 1) as done:
            count = 0

            def one_more(_: str) -> None:
                nonlocal count
                count += 1
                done(count)

            outcome = deploy(plan, node, self.deployer, Registry(self._folder / "deployments"), one_more)
        self._deploy_gas = outcome.gas
        addresses = {name: record.address for name, record in outcome.deployment.contracts.items()}
        self.world = World(node, addresses)
        self._first_block = outcome.deployment.first_block

    def _prepare(self, plan: Commitments, kind: VerificationKind) -> None:
        """Everybody who is needed for `plan`, with money and stakes, and a policy of that kind."""
        with self._terminal.phase("people, stakes and deposits", SETUP_ROUNDS) as done:
            rounds = iter(range(1, SETUP_ROUNDS + 1))
            self.parties = prepare(
                self.world,
                self.deployer,
                self.cast,
                plan,
                self.options.challenge_window,
                lambda: done(next(rounds)),
                kind,
            )
