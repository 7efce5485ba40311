"""One lease replay from end to end: chain, deployment, people, openings, the trace's days, and the reckoning.

No relayer takes part: a lease is paid by its clock, and anyone may ask for that.
"""

from __future__ import annotations

from collections.abc import Sequence

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.node import Fees
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.constants import POST_GRACE, SETTLE_GRACE
from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.keys import to_checksum
from tallystick.replay.audit import balance_difference, differences, read_books
from tallystick.replay.bins import Bins
from tallystick.replay.errors import UsageProblem
from tallystick.replay.lease import audit
from tallystick.replay.lease.drive import GAS_CLOSE, Stagehand
from tallystick.replay.lease.offers import base_time, offers_of
from tallystick.replay.lease.plan import LeasePlan, plan_leases
from tallystick.replay.lease.script import Act, Kind, Waits, acts_of
from tallystick.replay.lease.twin import facts_of_model, play_in_model
from tallystick.replay.opening import open_offers
from tallystick.replay.options import MAX_AGREEMENTS
from tallystick.replay.outcome import Gas, Outcome
from tallystick.replay.session import Session
from tallystick.replay.stage import policy_for, stakes_for
from tallystick.replay.twin import books_of
from tallystick.sources.nodes import read_nodes

__all__ = ["LeaseReplay"]

BLOCK_GAS = 30_000_000_000
"""Of the chain of our own: everything of one second fits into one block, however many jobs end in it."""


class LeaseReplay(Session):
    """A replay of leases: `run` does all of it. What others may use after it: what a `Session` has, and `plan`."""

    plan: LeasePlan

    @property
    def bins(self) -> Bins:
        """See `Session`."""
        return self.plan.bins

    def run(self) -> Outcome:
        """See `Session`."""
        self.options.check_disk(self._folder)
        self._read_files()
        # The states of tens of thousands of blocks are not needed again, and would not fit.
        flags = ("--gas-limit", str(BLOCK_GAS))
        self._deploy(self._connect(self.plan.providers, prune_history=True, flags=flags))
        self._prepare(self.plan, VerificationKind.NONE)
        self._open()
        self._play(acts_of(self.plan.leases, self._waits()))
        return self._reckon()

    # The steps, in order

    def _read_files(self) -> None:
        asked = self.options
        assert asked.nodes is not None
        with self._terminal.phase("reading the trace", 1):
            self.plan = plan_leases(
                self.rows,
                read_nodes(asked.nodes),
                customers=asked.customers,
                unit_price=asked.unit_price,
                fee_bps=asked.fee_bps,
                budget_seconds=asked.budget_seconds,
            )
        if len(self.plan.leases) > MAX_AGREEMENTS:
            raise UsageProblem(
                f"This trace has {len(self.plan.leases)} usable jobs; a replay opens at most {MAX_AGREEMENTS}"
                " leases: read fewer rows with --limit."
            )
        stakes_for(self.plan)

    def _waits(self) -> Waits:
        policy = policy_for(0, 0, 0, self.options.challenge_window, VerificationKind.NONE)
        return Waits(
            lag=policy.report_time + policy.challenge_window + SETTLE_GRACE,
            refund=POST_GRACE + policy.longest_window + SETTLE_GRACE,
        )

    def _open(self) -> None:
        now = self.world.node.timestamp()
        self._opened_at, self._base = now, base_time(self.plan, now)
        offers = offers_of(self.plan, self.cast, self.parties, self._base, now)
        with self._terminal.phase("opening leases", len(offers)) as done:
            self._opened = open_offers(self.world, self.deployer, offers, done)
        self._problems = list(
            audit.funding_differences(self.world, self.plan, self._opened.numbers, self._base)
        )

    def _play(self, acts: Sequence[Act]) -> None:
        node, leases = self.world.node, self.plan.leases
        # Hardly anything is in these blocks, so the base fee only falls.
        fees = node.fees()
        self._pay_for_closes(acts, fees)

        def sender(key: KeySigner) -> KeySender:
            return KeySender(node, key, fees=fees, alone=True)

        owners = [sender(KeySigner(key)) for key in self.cast.provider_keys]
        self._acts = acts
        self._stagehand = Stagehand(
            self.world,
            self._base,
            self._opened.numbers,
            owner_of=lambda place: owners[leases[place].provider],
            anyone=sender(KeySigner.from_hex(DEV_KEYS[1])),
        )
        with self._terminal.phase("the trace's days", len(acts)) as done:
            self._stagehand.play(acts, done)

    def _pay_for_closes(self, acts: Sequence[Act], fees: Fees) -> None:
        """Gives every provider what its closes may cost."""
        wei = [0] * self.plan.providers
        each = GAS_CLOSE * fees.max_fee
        for act in acts:
            if act.kind is Kind.CLOSE:
                wei[self.plan.leases[act.leases[0]].provider] += each
        self.deployer.send_many(
            [
                Call(to_checksum(key.address), b"", amount, 21_000)
                for key, amount in zip(self.cast.provider_keys, wei, strict=True)
                if amount
            ]
        )

    def _reckon(self) -> Outcome:
        plan, opened, hand = self.plan, self._opened, self._stagehand
        with self._terminal.phase("reading back, and the model", 1):
            self.books = read_books(self.world, self.parties, opened.numbers)
            facts = audit.facts_of_chain(self.world, opened.numbers, hand.events)
            model = play_in_model(
                self.cast,
                self.parties,
                plan,
                opened,
                self._acts,
                window=self.options.challenge_window,
                base=self._base,
                now=self._opened_at,
            )
            model.check_invariants()
            found = [
                *self._problems,
                *audit.fact_differences(plan, facts, facts_of_model(model, opened), "the model"),
                *audit.fact_differences(plan, facts, audit.facts_of_plan(plan, self._base), "the trace"),
                *audit.event_differences(plan, opened.numbers, facts, hand.events),
                *differences(self.books, books_of(model, self.parties, opened), "the model"),
                *differences(self.books, audit.expected_books(plan), "the trace"),
                *balance_difference(self.books),
                *audit.stake_differences(self.world, self.parties, stakes_for(plan).providers),
            ]
        gas = {kind.name.lower(): hand.gas[kind] for kind in Kind}
        return Outcome(
            receipts=len(plan.leases),
            rejected=plan.rejected,
            gas=Gas(deploy=self._deploy_gas, open=opened.gas, settle=sum(gas.values()), parts=gas),
            seconds=self._now() - self._began,
            per_agreement=audit.agreement_lines(plan, facts),
            opened=len(opened.numbers),
            differences=found,
            leases=audit.lease_lines(plan, opened.numbers, facts, self._base),
        )
