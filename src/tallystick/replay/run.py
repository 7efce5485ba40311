"""One replay from end to end: chain, deployment, people, agreements, receipts, posts, settlements, and the
reckoning."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tallystick.chain.endpoints import handed_over
from tallystick.protocol.eip712 import ledger_domain
from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.keys import to_checksum
from tallystick.protocol.model import Model
from tallystick.replay import bank
from tallystick.replay.audit import Books, agreement_lines, read_books, reckon
from tallystick.replay.bins import Bins
from tallystick.replay.courier import Courier
from tallystick.replay.opening import Opened, open_all
from tallystick.replay.options import ReplayOptions
from tallystick.replay.outcome import Gas, Outcome
from tallystick.replay.plan import Survey, survey
from tallystick.replay.play import Script, in_chunks
from tallystick.replay.session import Session
from tallystick.replay.stage import stakes_for
from tallystick.replay.supervisor import Chaos, Supervisor
from tallystick.replay.terminal import Terminal
from tallystick.replay.twin import books_of, play_in_model
from tallystick.replay.waiting import Waiting
from tallystick.replay.watch import Watch, relayer_gas

__all__ = ["Replay"]

CHUNK = 1_000
"""Lines in one POST."""
BATCH_AGE_OWN_CHAIN = 3_600
BATCH_AGE_LIVE_CHAIN = 5
POLL = 0.1
"""Seconds between two rounds of the relayer's loops."""


class Replay(Session):
    """A metered replay: `run` does all of it, and the chain stays up until the context ends.

    What others may use after `run`: what a `Session` has, `survey`, `books`.
    """

    survey: Survey
    opened: Opened
    books: Books
    model: Model

    def __init__(
        self,
        options: ReplayOptions,
        terminal: Terminal,
        *,
        work: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """See `Session`."""
        super().__init__(options, terminal, work=work, now=now)
        self._refusals: list[str] = []
        self._problems: list[str] = []
        self._taken = 0
        self.restarts = 0

    @property
    def bins(self) -> Bins:
        """See `Session`."""
        return self.survey.bins

    def run(self) -> Outcome:
        """See `Session`."""
        self.options.check_disk(self._folder)
        self._read_trace()
        node = self._connect(self.options.providers)
        self._deploy(node)
        self._prepare(self.survey, VerificationKind.ATTESTED)
        # It takes a second or two to come up: meanwhile the agreements are opened.
        relayer = self._launch_relayer()
        self._open()
        with self._terminal.phase("starting the relayer", 1):
            relayer.start()
        watch = self._play(relayer)
        return self._reckon(watch)

    # The steps, in order

    def _read_trace(self) -> None:
        asked = self.options
        with self._terminal.phase("reading the trace", asked.limit) as done:
            self.survey = survey(
                self.rows,
                customers=asked.customers,
                providers=asked.providers,
                unit_price=asked.unit_price,
                fee_bps=asked.fee_bps,
                progress=done,
            )
        stakes_for(self.survey)

    def _open(self) -> None:
        with self._terminal.phase("opening agreements", self.options.agreements) as done:
            self.opened = open_all(self.world, self.deployer, self.cast, self.parties, self.survey, done)

    def _launch_relayer(self) -> Supervisor:
        node, asked = self.world.node, self.options
        _, gas = bank.gas_needed(asked.agreements, asked.customers, asked.providers)
        price = node.fees().max_fee * bank.FEE_RESERVE
        self.deployer.send(to_checksum(self.cast.relayer_key.address), b"", gas * price, bank.TRANSFER_GAS)
        key_file = self._folder / "relayer.key"
        key_file.touch(mode=0o600)
        key_file.write_text(self.cast.relayer_key.secret.hex() + "\n", "ascii")
        age = BATCH_AGE_OWN_CHAIN if asked.rpc is None else BATCH_AGE_LIVE_CHAIN
        command = [
            *(sys.executable, "-m", "tallystick", "relayer", "run"),
            *("--deployments", str(self._folder / "deployments")),
            *("--database", f"sqlite:///{self._folder / 'relayer.sqlite3'}"),
            *("--listen", "127.0.0.1:0"),
            *("--policy", str(self.parties.policy), "--operator", str(self.parties.relayer)),
            *("--key-file", str(key_file), "--batch-age", str(age), "--poll-interval", str(POLL)),
            *self._checkpointing(),
        ]
        # Not by a flag, which everybody on the machine can read: an address may hold an API key.
        environment = handed_over(self._endpoints)
        relayer = Supervisor(
            command, self._folder, self._guard, environment=environment, say=self._terminal.say
        )
        self._stack.callback(relayer.stop)
        relayer.launch()
        return relayer

    def _checkpointing(self) -> tuple[str, ...]:
        """How the relayer counts rewards: not at all, or its gas would depend on whether a midnight is passed."""
        return ("--checkpoint-interval", "0")

    def _play(self, relayer: Supervisor) -> Watch:
        asked, found = self.options, self.survey
        courier = Courier(relayer)
        self._stack.callback(courier.close)
        chaos = Chaos(asked.chaos_kills, asked.chaos_seed, relayer, self._terminal.say)
        wanted = {
            self.opened.numbers[slot]: (found.units[slot], found.gross(slot))
            for slot in found.used
            if found.gross(slot)
        }
        watch = Watch(self.world, wanted, self._first_block, asked.unit_price)
        opened_at = max((receipt.block for receipt in self.opened.transactions), default=0)
        waiting = Waiting(
            watch,
            self.clock,
            relayer,
            courier,
            chaos,
            window=asked.challenge_window,
            batch_age=BATCH_AGE_OWN_CHAIN if asked.rpc is None else BATCH_AGE_LIVE_CHAIN,
            say=self._terminal.say,
        )
        with self._terminal.phase("waiting for final openings", 1):
            waiting.until_known(self.opened.numbers, opened_at)
        script = Script(
            domain=ledger_domain(self.world.node.chain_id(), self.world.raw_address("ReceiptLedger")),
            numbers=self.opened.numbers,
            device_keys=self.cast.device_keys,
            verifier_key=self.cast.verifier_key,
            period_start=self.world.node.timestamp(opened_at),
            period_end=self.world.node.timestamp(),
            survey=found,
        )
        self._push(courier, chaos, "receipts", script, 0.0)
        self._push(courier, chaos, "verdicts", script, 0.3)
        with self._terminal.phase("posting", len(wanted)) as posted:
            waiting.until_posted(posted)
        with self._terminal.phase("settling", len(wanted)) as settled:
            waiting.until_settled(settled)
        chaos.finish()
        self.restarts = relayer.restarts
        self._problems = list(waiting.problems)
        relayer.stop()
        watch.look()
        return watch

    def _push(self, courier: Courier, chaos: Chaos, kind: str, script: Script, share: float) -> None:
        """Posts every line of one kind; `share` of the run is done when it begins."""
        lines = script.receipts(self.rows) if kind == "receipts" else script.verdicts(self.rows)
        total, sent = self.survey.accepted, 0
        with self._terminal.phase(kind, total) as done:
            for chunk in in_chunks(lines, CHUNK):
                answer = courier.post(f"/v1/{kind}", chunk)
                self._refusals += [f"{kind}: {one.code}: {one.message}" for one in answer.refused]
                sent += len(chunk)
                done(sent)
                chaos.progress(share + 0.3 * sent / total)
        if kind == "receipts":
            self._taken = sent - len(self._refusals)

    def _reckon(self, watch: Watch) -> Outcome:
        asked, found = self.options, self.survey
        with self._terminal.phase("reading back, and the model", 1):
            self.books = read_books(self.world, self.parties, self.opened.numbers)
            self.model = play_in_model(self.cast, self.parties, found, self.opened, asked.challenge_window)
            self.model.check_invariants()
            differences = reckon(self.books, found, books_of(self.model, self.parties, self.opened))
            relayer = to_checksum(self.cast.relayer_key.address)
            post, settle = relayer_gas(watch, relayer, self._first_block)
        return Outcome(
            receipts=self._taken,
            rejected=found.rejected,
            gas=Gas(deploy=self._deploy_gas, open=self.opened.gas, post=post, settle=settle),
            seconds=self._now() - self._began,
            per_agreement=agreement_lines(found, self.books),
            opened=len(self.opened.numbers),
            differences=[*self._problems, *self._refusals, *differences],
        )
