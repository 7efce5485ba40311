"""Signed receipts, and a ledger over a stand-in for the Escrow.

    bench = open_bench()
    bench.agree(7, budget=1_000)
    item = bench.signed(bench.receipt(7, 400), customer=ANN)
    bench.ledger.transact("collect", [item], sender=MALLORY)

The cast is that of `tests.support.escrow`, without their money: account 1 Ann's (customer), 2 Paula's (payee), 3 Sam's
(sponsor); operator 1 Otto's (provider, with `DEVICE` as its key), 2 Rita's (relayer, `SIGNER`), 3 to 5 the verifiers
of `VERIFIERS`, each with its own key of `VERIFIER_KEYS`. Policy 1 is of kind NONE, 2 ATTESTED by operator 3, 3 a
QUORUM of two of 3 to 5, each with the default windows. `signed` also works on a `Desk` of the real contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import Acceptance, BatchHeader, Verdict
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import KeyKind
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, SAM, SIGNER, Posted
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account
from tests.support.system import DOLLAR, Role, System, deploy_system

__all__ = [
    "ATTESTED",
    "DEVICE",
    "NONE",
    "QUORUM",
    "VERIFIERS",
    "VERIFIER_KEYS",
    "Bench",
    "faults",
    "open_bench",
    "sign_receipt",
]

DEVICE: Final = account("device")
VERIFIERS: Final[Mapping[int, Account]] = {3: account("vera"), 4: account("victor"), 5: account("viola")}
VERIFIER_KEYS: Final[Mapping[int, Account]] = {n: account(f"verifier key {n}") for n in (3, 4, 5)}
NONE, ATTESTED, QUORUM = 1, 2, 3  # policies
OUTPUT: Final = b"\x5a" * 32

_VIEW: Final[Mapping[str, Any]] = {
    "paid": 0,
    "budget": 1_000_000,
    "unitPrice": 1_000_000,
    "payee": 2,
    "policy": NONE,
    "feeProvider": 500,
    "feeCustomer": 0,
    "status": 1,
    "mode": 0,
    "frozen": False,
    "sponsored": False,
    "holds": 0,
    "pledgeStuck": False,
    "countersigned": False,
    "customer": 1,
    "funder": 1,
    "operator": 1,
    "start": 0,
    "end": 0,
    "stopAt": 0,
    "downtime": 0,
    "notBefore": 0,
}


def sign_receipt(
    evm: Evm,
    ledger: Bound,
    claim: Claim,
    *,
    device: Account | bytes | None = DEVICE,
    customer: Account | bytes | None = None,
    session: Account | None = None,
    funder: Account | bytes | None = None,
    verdicts: Sequence[int | tuple[int, Account]] = (),
    valid: bool = True,
    chain_id: int | None = None,
) -> tuple[Any, ...]:
    """A SignedReceipt in the ABI's order. Signers may be keys, or the bytes that stand for a signature.

    `verdicts` names verifiers, or (verifier, who signs); `session` signs the acceptance as a session key.
    """
    domain = eip712.ledger_domain(
        evm.chain_id if chain_id is None else chain_id, bytes.fromhex(ledger.address[2:])
    )

    def sign(who: Account | bytes | None, struct_hash: bytes) -> bytes:
        return who.sign(eip712.digest(domain, struct_hash)) if isinstance(who, Account) else who or b""

    accepted = Acceptance(
        claim.agreement, claim.units, claim.period_start, claim.period_end, claim.output_root
    ).hash_struct()
    verdict = Verdict(claim.agreement, claim.units, claim.output_root, valid, 7, 9_000).hash_struct()
    pairs = [each if isinstance(each, tuple) else (each, VERIFIER_KEYS[each]) for each in verdicts]
    return (
        tuple(claim),
        sign(device, claim.hash_struct()),
        session.address if session else "0x" + "00" * 20,
        sign(session or customer, accepted),
        sign(funder, accepted),
        [(number, 7, 9_000, sign(who, verdict)) for number, who in pairs],
    )


def faults(receipt: Receipt) -> list[tuple[int, int]]:
    """(index, reason) of every signed receipt that moved nothing."""
    return [(log.args["index"], log.args["reason"]) for log in receipt.events("ReceiptRefused")]


@dataclass
class Bench:
    """The system with LedgerEscrowMock in the Escrow's place."""

    system: System

    @property
    def evm(self) -> Evm:
        return self.system.evm

    @property
    def now(self) -> int:
        return self.system.evm.now

    @property
    def ledger(self) -> Bound:
        return self.system.ledger

    @property
    def escrow(self) -> Bound:
        return self.system.escrow

    @property
    def staking(self) -> Bound:
        return self.system.staking

    def agree(self, number: int, **changes: Any) -> int:
        """An open agreement that began 1 000 seconds ago and ends in 100 000, or with these changes."""
        view = dict(_VIEW) | {"start": self.now - 1_000, "end": self.now + 100_000} | changes
        assert view.keys() == _VIEW.keys()
        self.escrow.transact("setAgreement", number, tuple(view.values()), sender=MALLORY)
        return number

    def claim(self, agreement: int, units: int, **changes: Any) -> Claim:
        """A receipt of the last minute."""
        fields: dict[str, Any] = {
            "agreement": agreement,
            "units": units,
            "period_start": self.now - 60,
            "period_end": self.now,
            "output_root": OUTPUT,
            "exclusive": True,
        }
        return Claim(**(fields | changes))

    def signed(self, agreement: int, units: int, **how: Any) -> tuple[Any, ...]:
        """A signed receipt of the last minute; `how` changes the claim or goes to `sign_receipt`."""
        ours = {key: how.pop(key) for key in list(how) if key in Claim._fields}
        return sign_receipt(self.evm, self.ledger, self.claim(agreement, units, **ours), **how)

    def collect(self, *items: tuple[Any, ...], sender: Account = MALLORY) -> Receipt:
        return self.ledger.transact("collect", list(items), sender=sender)

    def self_post(self, *items: tuple[Any, ...], sender: Account = OTTO) -> Receipt:
        return self.ledger.transact("selfPost", list(items), sender=sender)

    def post(self, rows: Sequence[tuple[int, int]], **header: Any) -> Posted:
        """The relayer posts (agreement, units) rows, signed by its caller."""
        encoded = figures.encode_figures(sorted(rows))
        outputs = OUTPUT * len(rows)
        fields: dict[str, Any] = {
            "policy": NONE,
            "value": 10_000 * DOLLAR,
            "nonce": self.ledger.call("nextNonce", header.get("policy", NONE), 2),
            "deadline": self.now + 600,
        }
        head = BatchHeader(**(fields | header))
        number = self.ledger.transact("post", tuple(head), encoded, outputs, [], sender=SIGNER).result
        return Posted(int(number), encoded, outputs)

    def settle_posted(self, number: int, agreement: int, units: int) -> Receipt:
        """Settles a batch of one leaf."""
        return self.ledger.transact("settle", number, figures.encode_figure(agreement, units), sender=MALLORY)

    def release(self, batch: Posted, *indices: int, sender: Account = OTTO) -> Receipt:
        """Asks for instant releases."""
        requests = [release_request(batch, index) for index in indices]
        return self.ledger.transact("release", requests, sender=sender)

    def stake_of(self, operator: int) -> dict[str, int]:
        """free, pledged, reserved and thawing µ."""
        row = self.staking.call("get", operator)
        return {part: row[part] for part in ("free", "pledged", "reserved", "thawing")}

    def set_free(self, operator: int, owner: Account, free: int) -> None:
        """Lets an operator's free stake be so much, by thawing the rest."""
        self.staking.transact("unstake", operator, self.stake_of(operator)["free"] - free, sender=owner)


def release_request(batch: Posted, index: int, /, **changes: Any) -> tuple[Any, ...]:
    """A ReleaseRequest in the ABI's order."""
    fields: dict[str, Any] = {
        "batch": batch.number,
        "index": index,
        "figure": batch.figure(index),
        "output": batch.output(index),
        "proof": merkle.proof(figures.leaves(batch.figures, batch.outputs), index),
    }
    return tuple((fields | changes).values())


def seat_verifiers(system: System) -> None:
    """Operators 3 to 5 with their keys, and the policies ATTESTED and QUORUM."""
    for number, owner in VERIFIERS.items():
        assert system.register(owner, Role.VERIFIER, free=3_000 * DOLLAR) == number
        key = VERIFIER_KEYS[number].address
        system.staking.transact("authoriseKey", number, int(KeyKind.VERIFIER), key, sender=owner)
    assert system.add_policy(relayer=2, kind=1, quorum=1, verifiers=[3]) == ATTESTED
    assert system.add_policy(relayer=2, kind=2, quorum=2, verifiers=[3, 4, 5]) == QUORUM


def open_bench() -> Bench:
    """The one bench, as it was when it was made."""
    system, snapshot = _pristine()
    system.evm.revert(snapshot)
    return Bench(system)


@cache
def _pristine() -> tuple[System, Snapshot]:
    system = seat_bench(Evm())
    return system, system.evm.snapshot()


def seat_bench(evm: Evm) -> System:
    """A bench's system on a chain of its own."""
    system = deploy_system(evm=evm, escrow="LedgerEscrowMock")
    assert system.register(OTTO, Role.PROVIDER, free=100_000 * DOLLAR) == 1
    assert system.register(RITA, Role.RELAYER, free=20_000 * DOLLAR) == 2
    system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    system.staking.transact("authoriseKey", 2, int(KeyKind.SIGNER), SIGNER.address, sender=RITA)
    assert system.add_policy(relayer=2) == NONE
    seat_verifiers(system)
    for number, owner in ((1, ANN), (2, PAULA), (3, SAM)):
        system.escrow.transact("setOwner", number, owner.address, sender=MALLORY)
    evm.warp(DAY)
    return system
