"""`tallystick watch` without its flags: connects, goes round, writes the report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.chain.endpoints import endpoints_from
from tallystick.chain.errors import NodeRefused, NodeUnreachable
from tallystick.chain.node import Node
from tallystick.chain.registry import TOKEN_SIDE, Registry, write_atomically
from tallystick.chain.rpc import RpcPool
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner, secret_from_environment
from tallystick.protocol.hashing import keccak256

from .acting import Actor
from .errors import WatchProblem
from .evidence import Evidence, FileEvidence, RelayerEvidence, read_truth
from .judging import Judge
from .ledger import Ledger
from .watcher import Watcher

__all__ = ["KEY_VARIABLE", "RELAYER_KEY_VARIABLE", "WRONG", "WatchOptions", "watch"]

KEY_VARIABLE: Final = "TALLYSTICK_WATCH_KEY"
RELAYER_KEY_VARIABLE: Final = "TALLYSTICK_RELAYER_API_KEY"
WRONG: Final = 4
"""Exit code: leaves were found wrong. It is no failure of the watcher."""


@dataclass(frozen=True)
class WatchOptions:
    """What a watcher is told.

    Args:
        rpc: Endpoints; left out: those of the environment.
        evidence: Files or folders of NDJSON, and relayers' addresses (http…).
        challenge: Whether to put bonds down; otherwise it only looks.
        purse: µ in backing bonds at a time; None: what the wallet holds.
        poll: Seconds of real time between two rounds.
        first_block: Where to begin; None: where the deployment does.
    """

    evidence: tuple[str, ...]
    rpc: tuple[str, ...] = ()
    deployments: Path | None = None
    challenge: bool = False
    truth: Path | None = None
    key_file: Path | None = None
    purse: int | None = None
    once: bool = False
    poll: float = 12.0
    first_block: int | None = None
    report: Path | None = None

    def check(self) -> None:
        """Raises WatchProblem for what makes no sense."""
        if not 0 < self.poll <= 3_600:
            raise WatchProblem("bad_watch", "--poll-interval is in seconds, above zero and at most 3600.")
        if not self.evidence and self.challenge:
            raise WatchProblem(
                "bad_watch",
                "--challenge needs --evidence: without any, every leaf would look wrong, and its bond be lost.",
            )
        if self.truth is not None and not self.evidence:
            raise WatchProblem(
                "bad_watch", "--truth needs --evidence: only a leaf that is backed is disputed."
            )


def watch(
    options: WatchOptions,
    say: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    rounds: int | None = None,
) -> bool:
    """Watches until it is interrupted, or once. Returns whether nothing was wrong; the report is written in any case.

    Args:
        rounds: So many at most; for tests.

    Raises:
        TallystickError: It cannot be started; in the rounds after the first, a node that does not answer is waited for.
    """
    options.check()
    truth = read_truth(options.truth)
    with ExitStack() as stack:
        urls = endpoints_from(options.rpc, os.environ)
        if not urls:
            raise WatchProblem("bad_watch", "Name an endpoint with --rpc, or in TALLYSTICK_RPC_URL.")
        pool = RpcPool.connect(urls)
        stack.callback(pool.close)
        ledger = Ledger(pool.node, Registry(options.deployments).open(pool.node, without=TOKEN_SIDE))
        sources = _sources(options.evidence, ledger, stack, say)
        actor = _actor(options, ledger, pool) if options.challenge else None
        start = ledger.deployment.first_block if options.first_block is None else options.first_block
        watcher = Watcher(ledger, Judge(ledger, sources, truth), actor, first_block=start, say=say)
        try:
            _go_round(watcher, options, say, sleep, 1 if options.once else rounds)
        finally:
            if options.report is not None:
                write_atomically(options.report, json.dumps(watcher.report(), indent=2) + "\n")
        return not any(one.bad for one in watcher.findings)


def _go_round(
    watcher: Watcher,
    options: WatchOptions,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
    rounds: int | None,
) -> None:
    watcher.round()
    count = 1
    while rounds is None or count < rounds:
        sleep(options.poll)
        count += 1
        try:
            watcher.round()
        except NodeUnreachable as error:
            say(f"{error.message} [{error.code}]")
        if options.report is not None:
            write_atomically(options.report, json.dumps(watcher.report(), indent=2) + "\n")


def _sources(
    named: tuple[str, ...], ledger: Ledger, stack: ExitStack, say: Callable[[str], None]
) -> list[Evidence]:
    files = [Path(one) for one in named if not one.startswith(("http://", "https://"))]
    found: list[Evidence] = []
    if files:
        read = FileEvidence(ledger.domain, files)
        for name, line, code in read.unread:
            say(f"{name}, line {line}: not understood [{code}]")
        found.append(read)
    key = secret_from_environment(RELAYER_KEY_VARIABLE, os.environ)
    for url in named:
        if url.startswith(("http://", "https://")):
            relayer = RelayerEvidence(url, ledger.domain, key)
            stack.callback(relayer.close)
            found.append(relayer)
    return found


def _actor(options: WatchOptions, ledger: Ledger, pool: RpcPool) -> Actor:
    if "Challenges" not in ledger.deployment.contracts:
        raise WatchProblem("no_challenges", "This deployment has no contract for challenges.")
    if options.key_file is not None:
        signer = KeySigner.from_file(options.key_file)
    else:
        signer = KeySigner.from_environment(KEY_VARIABLE, os.environ)
    return Actor(ledger, KeySender(_SendingNode(pool), signer), options.purse)


class _SendingNode(Node):
    """A pool's node that can send, too: to every endpoint; one that takes it is enough."""

    def __init__(self, pool: RpcPool) -> None:
        super().__init__(pool)
        self._pool = pool

    def send_raw(self, raw: bytes) -> str:
        """See `Node.send_raw`."""
        answers = self._pool.send_raw(raw)
        if not any(answer.arrived for answer in answers):
            raise NodeRefused("; ".join(f"{one.endpoint}: {one.message or one.outcome}" for one in answers))
        return "0x" + keccak256(raw).hex()
