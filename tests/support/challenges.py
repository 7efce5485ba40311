"""The cast of `tests.support.escrow` with the real Challenges: leaves to challenge, receipts to answer with.

    room = open_room()
    batch = room.posted(3)                      # three leaves, which receipts of `DEVICE` back
    room.challenge(batch, 1)                    # by Wanda
    room.answer(batch, 1, sender=MALLORY)       # Mallory gets Wanda's bond

Wanda and Walt watch, with 10 000 USDC each. Policy 1 is of kind NONE, 2 a QUORUM of two of `VERIFIERS` (operators
3 to 5); both are relayed by operator 2 (Rita, 20 000 USDC of free stake). `DEVICE` is a key of operator 1 (Otto). The
Court is an account, from which a test sends what it would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import KeyKind
from tests.support.escrow import (
    MALLORY,
    OTTO,
    POLICY,
    PROVIDER,
    RELAYER,
    RITA,
    SIGNER,
    Desk,
    Posted,
    _seat_accounts,
)
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account
from tests.support.receipts import DEVICE, VERIFIER_KEYS, VERIFIERS, sign_receipt
from tests.support.system import DOLLAR, Role, deploy_system

__all__ = ["BOND", "COURT", "PENALTY", "QUORUM", "RESPONSE", "WALT", "WANDA", "Room", "open_room"]

WANDA: Final = account("wanda")  # a watcher
WALT: Final = account("walt")  # another
COURT: Final = account("court")
QUORUM: Final = 2  # policy

BOND: Final = 20 * DOLLAR  # of a backing challenge
PENALTY: Final = 100 * DOLLAR  # for a void leaf
RESPONSE: Final = 21_600  # seconds
MONEY: Final = 10_000 * DOLLAR  # of each watcher


@dataclass
class Room(Desk):
    """A desk with Challenges in it, and what stands behind its leaves."""

    challenges: Bound = field(kw_only=True)
    backed: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)

    # Leaves

    def posted(self, leaves: int, *, units: int = 100_000, **changes: Any) -> Posted:
        """A batch of so many new agreements of 1 µ a unit, each leaf backed by a receipt of a minute ago."""
        policy = {"policy": changes["policy"]} if "policy" in changes else {}
        agreements = self.opened_many([self.terms(**changes) for _ in range(leaves)])
        self.evm.warp(600)
        batch = self.post([(number, units) for number in agreements], **policy)
        for index, number in enumerate(sorted(agreements)):
            self.backed[batch.number, index] = self.signed_receipt(
                number, units, output_root=batch.output(index), verdicts=(3, 4) if policy else ()
            )
        return batch

    def agreement_at(self, batch: Posted, index: int) -> int:
        """Whose figure it is."""
        return int.from_bytes(batch.figure(index)[:8], "big")

    def signed_receipt(self, agreement: int, units: int, **how: Any) -> tuple[Any, ...]:
        """By `DEVICE`, of the last minute; `how` changes the claim or goes to `sign_receipt`."""
        fields: dict[str, Any] = {
            "agreement": agreement,
            "units": units,
            "period_start": self.now - 60,
            "period_end": self.now,
            "output_root": b"\x5a" * 32,
            "exclusive": True,
        }
        ours = {key: how.pop(key) for key in list(how) if key in Claim._fields}
        return sign_receipt(self.evm, self.ledger, Claim(**(fields | ours)), **how)

    def leaf(self, batch: Posted, index: int) -> tuple[Any, ...]:
        """A Leaf in the ABI's order."""
        return (batch.number, index, batch.figure(index), batch.output(index), batch.proof(index))

    def settle_one(self, batch: Posted, index: int) -> Receipt:
        row = (batch.figure(index), batch.output(index), batch.proof(index))
        return self.ledger.transact("settleOne", batch.number, index, *row, sender=MALLORY)

    # Challenges

    def challenge(self, batch: Posted, index: int, sender: Account = WANDA, **how: Any) -> Receipt:
        return self.challenges.transact("challenge", self.leaf(batch, index), sender=sender, **how)

    def answer(
        self,
        batch: Posted,
        index: int,
        item: tuple[Any, ...] | None = None,
        sender: Account = RITA,
        **how: Any,
    ) -> Receipt:
        shown = self.backed[batch.number, index] if item is None else item
        return self.challenges.transact("answer", batch.number, index, shown, sender=sender, **how)

    def void(self, batch: Posted, index: int, sender: Account = MALLORY, **how: Any) -> Receipt:
        return self.challenges.transact("void", batch.number, index, sender=sender, **how)

    def dismiss(self, batch: Posted, index: int, sender: Account = MALLORY, **how: Any) -> Receipt:
        return self.challenges.transact("dismiss", batch.number, index, sender=sender, **how)

    def ends_at(self, batch: Posted, index: int) -> int:
        """When the time to answer ends; 0 while it has not begun, or the challenge is over."""
        return int(self.challenges.call("challengeOf", batch.number, index)[3])

    def load(self, relayer: int = RELAYER) -> tuple[int, int]:
        """How many clocks run, and how many challenges wait."""
        return tuple(self.challenges.call("loadOf", relayer))

    def rule_closed(self, agreement: int, amount: int = 0) -> None:
        """The Court closes an agreement with nothing to slash."""
        escrow, nobody = self.system.escrow, "0x" + "00" * 20
        escrow.transact("freeze", agreement, sender=COURT)
        order = (agreement, amount, True, False, 0, 0, 0, 0, 0, 0, nobody, nobody, 0, 0)
        escrow.transact("executeRuling", order, sender=COURT)

    # Money

    def credit(self, who: Account) -> int:
        """µ of bonds that somebody can claim."""
        return int(self.challenges.call("credits", who.address))

    def reward(self, who: Account | str) -> int:
        """µ of slashes that somebody can claim of Staking."""
        address = who if isinstance(who, str) else who.address
        return int(self.system.staking.call("credits", address))

    def insured(self) -> int:
        """µ of slashes that the insurance can claim."""
        return self.reward(self.system.insurance.address)

    def stake_of(self, operator: int) -> tuple[int, int]:
        """µ of free and of thawing stake."""
        row = self.system.staking.call("get", operator)
        return row["free"], row["thawing"]

    def check_bonds(self) -> None:
        """What Challenges holds is what is bonded and what is credited, and nothing else."""
        totals = self.challenges.call("totalBonds") + self.challenges.call("totalCredits")
        assert self.system.balance(self.challenges) == totals


def open_room(*, evm: Evm | None = None, currency: str = "TestDollar", **policy: Any) -> Room:
    """A room; `policy` changes policy 1. With nothing to change, the one that was made before, as it was then."""
    if evm is None and not policy and currency == "TestDollar":
        room, snapshot = _pristine()
        room.evm.revert(snapshot)
        return Room(room.system, room.escrow, fresh=False, challenges=room.challenges)
    return _seat(evm, currency, policy)


@cache
def _pristine() -> tuple[Room, Snapshot]:
    room = _seat(None, "TestDollar", {})
    return room, room.evm.snapshot()


def _seat(evm: Evm | None, currency: str, policy: dict[str, Any]) -> Room:
    system = deploy_system(evm=evm, currency=currency, justice=True, court=COURT)
    challenges = system.create(
        "Challenges",
        currency=system.currency.address,
        escrow=system.escrow.address,
        ledger=system.ledger.address,
        staking=system.staking.address,
        policyBook=system.policy_book.address,
    )
    system.challenges = challenges
    room = Room(system, system.escrow, challenges=challenges)
    if currency == "FeeOnTransferDollar":
        system.currency.transact("setFee", 0, sender=MALLORY)
    assert system.register(OTTO, Role.PROVIDER, free=100_000 * DOLLAR) == PROVIDER
    assert system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR) == RELAYER
    for operator, kind, key, owner in (
        (PROVIDER, KeyKind.DEVICE, DEVICE, OTTO),
        (RELAYER, KeyKind.SIGNER, SIGNER, RITA),
    ):
        system.staking.transact("authoriseKey", operator, int(kind), key.address, sender=owner)
    for number, owner in VERIFIERS.items():
        assert system.register(owner, Role.VERIFIER, free=3_000 * DOLLAR) == number
        signs = VERIFIER_KEYS[number].address
        system.staking.transact("authoriseKey", number, int(KeyKind.VERIFIER), signs, sender=owner)
    assert system.add_policy(relayer=RELAYER, **policy) == POLICY
    assert system.add_policy(relayer=RELAYER, kind=2, quorum=2, verifiers=[3, 4, 5]) == QUORUM
    _seat_accounts(room, 100_000 * DOLLAR)
    for watcher in (WANDA, WALT):
        system.fund(watcher, MONEY, challenges)
    return room
