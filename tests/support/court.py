"""The real Court on the real contracts, with arbiters that say what a test wants.

    bar = open_bar()
    task = bar.task()                              # 100 dollars for 1 000 000 units, pledge 10 dollars
    leaf = bar.leaf(task, 1_000_000)               # posted by the relayer, as a claim
    dispute = bar.attack(task, 400_000, leaf)      # by CAROL, bond 50 dollars
    bar.decide(dispute, 400_000)                   # waits, the first arbiter rules, nobody appeals
    moved = bar.execute(dispute)

The cast is that of `tests.support.escrow`; CAROL challenges, FRED is the provider's friend. Policies: 1
NONE, 2 ATTESTED by
operator 3, 3 QUORUM of two of operators 3 to 5, 4 TEE, all with both arbiters; 5 QUORUM without arbiters,
6 NONE with the
first arbiter alone, 7 NONE with the second alone, 8 NONE with neither; and the default figures otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Receipt as Receipts
from tallystick.protocol.eip712 import Verdict
from tallystick.protocol.enums import KeyKind
from tests.support.escrow import (
    ANN,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SAM,
    SIGNER,
    Desk,
    Posted,
)
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account
from tests.support.receipts import DEVICE, VERIFIER_KEYS, VERIFIERS, release_request, sign_receipt
from tests.support.system import DOLLAR, Role, System, deploy_system, dispute_terms

__all__ = [
    "APPEAL_FEE",
    "ARBITER_FEE",
    "ATTESTED",
    "BOND",
    "CAROL",
    "CLOCK",
    "COOLING",
    "FRED",
    "FREE",
    "HUNDRED",
    "ISSUER",
    "NOBODY",
    "NONE",
    "PLEDGE",
    "QUORUM",
    "REJECTED",
    "SILENT",
    "TEE",
    "UPHELD",
    "Bar",
    "State",
    "open_bar",
]

CAROL: Final = account("carol")  # challenges
FRED: Final = account("fred")  # the provider's friend
ISSUER: Final = account("issuer")

NONE, ATTESTED, QUORUM, TEE = 1, 2, 3, 4  # policies, and kinds + 1
BARE_QUORUM, FIRST_ONLY, SECOND_ONLY, NO_ARBITER = 5, 6, 7, 8

HUNDRED: Final = 100 * DOLLAR  # a task's budget, and µ per 1e6 units
PLEDGE: Final = 10 * DOLLAR  # 10 % of it
BOND: Final = 50 * DOLLAR  # the least; 5 % of 100 dollars is 5
ARBITER_FEE: Final = 25 * DOLLAR
APPEAL_FEE: Final = 55 * DOLLAR
FREE: Final = 100_000 * DOLLAR  # the provider's stake
DAY: Final = 86_400
CONTEST, EVIDENCE, RULING, APPEAL, COOLING = DAY, DAY, 2 * DAY, DAY, DAY
UPHELD, REJECTED, SILENT = 1, 2, 3
NOBODY: Final = "0x" + "00" * 20
OUTPUT: Final = b"\x5a" * 32
_NO_ITEM: Final[tuple[Any, ...]] = ((0, 0, 0, 0, bytes(32), False), b"", NOBODY, b"", b"", [])
CLOCK: Final[tuple[Any, ...]] = (0, 0, bytes(18), bytes(32), [], _NO_ITEM)  # the empty claim: a lease's clock


class State:
    """Of a dispute."""

    CONTEST, EVIDENCE, RULING, APPEALABLE, SECOND, RULED, COOLING, OVER = range(1, 9)


@dataclass
class Bar:
    """Everything that a dispute needs."""

    system: System
    desk: Desk
    court: Bound
    first: Bound
    second: Bound

    @property
    def evm(self) -> Evm:
        return self.system.evm

    @property
    def ledger(self) -> Bound:
        return self.system.ledger

    @property
    def staking(self) -> Bound:
        return self.system.staking

    @property
    def now(self) -> int:
        return self.system.evm.now

    # Agreements and figures

    def task(self, policy: int = NONE, **changes: Any) -> int:
        """Opens a metered agreement: 100 dollars for 1 000 000 units, sixty days; a minute goes by."""
        fields = {
            "policy": policy,
            "unit_price": HUNDRED,
            "budget": HUNDRED,
            "expiry": self.now + 60 * DAY,
        }
        number = self.desk.opened(**(fields | changes))
        self.evm.warp(60)
        return number

    def lease(self, policy: int = NONE, **changes: Any) -> int:
        """Opens a lease at 100 µ a second, with 100 dollars: a million seconds of a term of sixty days."""
        fields = {
            "policy": policy,
            "mode": 1,
            "unit_price": HUNDRED,
            "budget": HUNDRED,
            "expiry": self.now + 60 * DAY,
        }
        return self.desk.opened(**(fields | changes))

    def post(self, agreement: int, units: int) -> Posted:
        policy = self.desk.agreement(agreement)["policy"]
        return self.desk.post([(agreement, units)], policy=policy)

    def leaf(self, agreement: int, units: int) -> tuple[Any, ...]:
        """The relayer posts a figure; the claim that shows it."""
        return self.claim_of(self.post(agreement, units))

    def claim_of(self, batch: Posted, index: int = 0) -> tuple[Any, ...]:
        return (
            batch.number,
            index,
            batch.figure(index),
            batch.output(index),
            batch.proof(index),
            _NO_ITEM,
        )

    def item(self, agreement: int, units: int, *, root: bytes = OUTPUT, **how: Any) -> tuple[Any, ...]:
        """A SignedReceipt of the last minute; by the device alone unless `how` says otherwise."""
        receipt = Receipts(
            agreement=agreement,
            units=units,
            period_start=self.now - 60,
            period_end=self.now,
            output_root=root,
            exclusive=False,
        )
        return sign_receipt(self.evm, self.ledger, receipt, **how)

    def shown(self, agreement: int, units: int, **how: Any) -> tuple[Any, ...]:
        """A signed receipt as a claim."""
        return (0, 0, bytes(18), bytes(32), [], self.item(agreement, units, **how))

    def verdicts(
        self,
        agreement: int,
        units: int,
        *verifiers: int,
        root: bytes,
        valid: bool = False,
        version: int = 7,
        confidence: int = 9_000,
    ) -> list[tuple[int, int, int, bytes]]:
        """Signatures of verifiers over a verdict."""
        domain = eip712.ledger_domain(self.evm.chain_id, bytes.fromhex(self.ledger.address[2:]))
        verdict = Verdict(agreement, units, root, valid, version, confidence)
        signed = eip712.digest(domain, verdict.hash_struct())
        return [(n, version, confidence, VERIFIER_KEYS[n].sign(signed)) for n in verifiers]

    def pay(self, agreement: int, units: int) -> tuple[Any, ...]:
        """Posts a figure, waits out the window, settles; the claim that shows it."""
        batch = self.post(agreement, units)
        self.evm.warp(DAY)
        self.desk.settle(batch)
        return self.claim_of(batch)

    def release(self, agreement: int, units: int) -> tuple[Any, ...]:
        """Posts a figure and has it paid at once, if it can be; the claim that shows it."""
        batch = self.post(agreement, units)
        self.ledger.transact("release", [release_request(batch, 0)], sender=OTTO)
        return self.claim_of(batch)

    # The moves

    def attack(
        self,
        agreement: int,
        claimed: int,
        claim: tuple[Any, ...] = CLOCK,
        *,
        by: Account = CAROL,
        challenger: str = NOBODY,
        reason: int = 1,
    ) -> int:
        """Opens a WORK dispute."""
        receipt = self.court.transact(
            "open", agreement, claimed, claim, challenger, reason, bytes(32), "", sender=by
        )
        self.check()
        return int(receipt.result)

    def propose(
        self,
        agreement: int,
        valid: int,
        claim: tuple[Any, ...],
        *verifiers: int,
        sender: Account = MALLORY,
        reason: int = 2,
    ) -> int:
        """Opens a PROPOSAL with the signatures of 3 and 4, or of these verifiers."""
        root = claim[3] if claim[0] else claim[5][0][4]
        signed = self.verdicts(agreement, valid, *(verifiers or (3, 4)), root=root)
        receipt = self.court.transact("propose", agreement, valid, claim, signed, reason, sender=sender)
        self.check()
        return int(receipt.result)

    def view(self, dispute: int) -> dict[str, Any]:
        return dict(self.court.call("disputeOf", dispute))

    def expire(self, dispute: int) -> None:
        """Goes to the end of the present state."""
        self.evm.warp_to(self.view(dispute)["deadline"])

    def say(self, dispute: int, units: int, round_: int = 1) -> None:
        arbiter = self.first if round_ == 1 else self.second
        arbiter.transact("say", dispute, round_, units, sender=MALLORY)

    def rule(self, dispute: int, units: int, round_: int = 1) -> Receipt:
        """The arbiter whose turn it is says so, and the Court takes it."""
        self.say(dispute, units, round_)
        return self.court.transact("rule", dispute, sender=MALLORY)

    def decide(self, dispute: int, units: int) -> None:
        """Waits for the end of the evidence, has the first arbiter rule, and lets the time of an appeal
        pass."""
        self.expire(dispute)
        self.rule(dispute, units)
        self.expire(dispute)

    def appeal(self, dispute: int, amount: int, by: Account) -> Receipt:
        receipt = self.court.transact("appeal", dispute, amount, sender=by)
        self.check()
        return receipt

    def execute(self, dispute: int) -> dict[str, Any]:
        """Carries it out; what `Executed` says, the slash's sums among the others."""
        receipt = self.court.transact("execute", dispute, sender=MALLORY)
        self.check()
        args = dict(receipt.event("Executed").args)
        moved = dict(args.pop("moved"))
        slash = dict(moved.pop("slash"))
        return args | moved | slash

    def clear(self, dispute: int) -> int:
        """Waits out the cooling and lets the agreement run on; `notBefore`."""
        self.expire(dispute)
        receipt = self.court.transact("clear", dispute, sender=MALLORY)
        self.check()
        return int(receipt.event("Cleared").args["notBefore"])

    # Money

    def address_of(self, who: Account | Bound | str) -> str:
        if isinstance(who, str):
            return self.system.at.get(who, who)
        return who.address

    def credit(self, who: Account | Bound | str) -> int:
        """µ that the Court owes somebody."""
        return int(self.court.call("credits", self.address_of(who)))

    def owed(self, who: Account | Bound | str) -> int:
        """µ that Staking owes somebody."""
        return int(self.staking.call("credits", self.address_of(who)))

    def stake(self, operator: int = 1) -> dict[str, int]:
        row = self.staking.call("get", operator)
        return {part: row[part] for part in ("free", "pledged", "reserved", "thawing")}

    def set_spare(self, spare: int, operator: int = 1) -> None:
        """Lets an operator's free stake be so much, the rest thaws out and is withdrawn."""
        free = self.stake(operator)["free"]
        owner = self.system.operators[operator]
        self.staking.transact("unstake", operator, free - spare, sender=owner)
        self.evm.warp(21 * DAY)
        self.staking.transact("withdraw", operator, owner.address, sender=owner)

    def insured(self) -> int:
        """µ of slashes for the insurance."""
        return self.owed(self.system.insurance)

    def agreement(self, number: int) -> dict[str, Any]:
        return self.desk.agreement(number)

    def check(self) -> None:
        """Nobody has donated, so each contract holds just what it owes."""
        court, staking = self.court, self.staking
        held = self.system.balance(court) + self.owed(court)
        assert held == court.call("totalBonds") + court.call("totalCredits")
        assert self.system.balance(staking) == staking.call("totalStake") + staking.call("totalCredits")
        self.desk.check_solvent()

    def settled(self) -> None:
        """No bond is left, and the Court's credits are all of its money once it has collected what Staking
        owes it."""
        assert self.court.call("totalBonds") == 0
        self.check()


def seat(evm: Evm | None = None, *, currency: str = "TestDollar", **terms: Any) -> Bar:
    """Deploys and seats everybody; `terms` change the dispute terms of every policy."""
    system = deploy_system(evm=evm, justice=True, currency=currency)
    desk = Desk(system, system.escrow)
    system.register(OTTO, Role.PROVIDER, free=FREE)
    system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR)
    system.staking.transact("authoriseKey", 2, int(KeyKind.SIGNER), SIGNER.address, sender=RITA)
    system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    for number, owner in VERIFIERS.items():
        assert system.register(owner, Role.VERIFIER, free=3_000 * DOLLAR) == number
        key = VERIFIER_KEYS[number].address
        system.staking.transact("authoriseKey", number, int(KeyKind.VERIFIER), key, sender=owner)
    first, second = system.evm.deploy("ArbiterMock"), system.evm.deploy("ArbiterMock")
    both = {"arbiter": first.address, "secondArbiter": second.address}
    quorum = {"kind": 2, "quorum": 2, "verifiers": [3, 4, 5]}
    for kind, arbiters in (
        ({}, both),
        ({"kind": 1, "quorum": 1, "verifiers": [3]}, both),
        (quorum, both),
        ({"kind": 3, "issuer": ISSUER.address}, both),
        (quorum, {}),
        ({}, {"arbiter": first.address}),
        ({}, {"secondArbiter": second.address}),
        ({}, {}),
    ):
        system.add_policy(relayer=2, dispute=dispute_terms(**(terms | arbiters)), **kind)
    court = system.create_court()
    for number, owner in ((1, ANN), (2, PAULA), (3, SAM)):
        assert desk.escrow.transact("createAccount", owner.address, sender=MALLORY).result == number
    for number, owner in ((1, ANN), (3, SAM)):
        system.fund(owner, 100_000 * DOLLAR, desk.escrow)
        desk.escrow.transact("deposit", number, 100_000 * DOLLAR, sender=owner)
    for who in (ANN, CAROL, FRED, OTTO, MALLORY):
        system.fund(who, 10_000 * DOLLAR, court)
    system.evm.warp(DAY)
    return Bar(system, desk, court, first, second)


def open_bar() -> Bar:
    """The one bar, as it was when it was made."""
    bar, snapshot = _pristine()
    bar.evm.revert(snapshot)
    return Bar(bar.system, Desk(bar.system, bar.system.escrow), bar.court, bar.first, bar.second)


@cache
def _pristine() -> tuple[Bar, Snapshot]:
    bar = seat()
    return bar, bar.evm.snapshot()
