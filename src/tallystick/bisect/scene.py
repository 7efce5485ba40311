"""The dispute that is played: what the referee is told of an agreement, a policy and the Court. No chain here.

Customer and operator signed for 1 000 000 units of a task whose workHash is the order's. The operator's receipt for
all of them has the statement's outputRoot; the challenger says that none of them stand.
"""

from __future__ import annotations

from typing import Any, Final

from tallystick.protocol import eip712
from tallystick.protocol.keys import PrivateKey, parse_address

__all__ = ["AGREEMENT_SEQUENCE", "DISPUTE", "POLICY", "RULING_TIME", "UNITS", "Registration", "Scene"]

DISPUTE: Final = 1
POLICY: Final = 1
CUSTOMER: Final = 1  # account
OPERATOR: Final = 7
PAYEE: Final = 2  # account
AGREEMENT_SEQUENCE: Final = 1
UNITS: Final = 1_000_000
RULING_TIME: Final = 172_800  # seconds
UNIT_PRICE: Final = 100_000_000  # µ per 1e6 units
NOBODY: Final = "0x" + "00" * 20

_WORK, _RULING, _OPEN, _METERED = 1, 3, 1, 0  # DisputeKind, DisputeState, Status, Mode

Registration = dict[str, Any]
"""Arguments of `register`, by name."""


class Scene:
    """One agreement about an order, between two keys."""

    def __init__(self, order_hash: bytes, customer: PrivateKey, solver: PrivateKey, now: int) -> None:
        self._keys = (customer, solver)
        self.terms = eip712.Terms(
            customer=CUSTOMER,
            funder=CUSTOMER,
            operator=OPERATOR,
            payee=PAYEE,
            mode=_METERED,
            policy=POLICY,
            max_fee_provider=500,
            max_fee_customer=0,
            unit_price=UNIT_PRICE,
            budget=UNIT_PRICE,
            max_budget=UNIT_PRICE,
            start=now,
            expiry=now + 86_400,
            work_hash=order_hash,
            customer_nonce=1,
            operator_nonce=1,
            deadline=now + 86_400,
        )

    @property
    def agreement(self) -> int:
        """Its number: sequence, then the first 32 bits of the Terms' hash."""
        return AGREEMENT_SEQUENCE << 32 | int.from_bytes(self.terms.hash_struct()[:4], "big")

    def registration(self, chain_id: int, escrow: str) -> Registration:
        """What puts the order on record, signed by both."""
        domain = eip712.escrow_domain(chain_id, parse_address(escrow))
        signed = [key.sign(eip712.digest(domain, self.terms.hash_struct())) for key in self._keys]
        return {"agreement": self.agreement, "terms": tuple(self.terms), "signatures": tuple(signed)}

    def agreement_view(self, **changes: Any) -> dict[str, Any]:
        """`AgreementView`, open and frozen."""
        return {
            "paid": 0,
            "budget": self.terms.budget,
            "unitPrice": self.terms.unit_price,
            "payee": PAYEE,
            "policy": POLICY,
            "feeProvider": 500,
            "feeCustomer": 0,
            "status": _OPEN,
            "mode": _METERED,
            "frozen": True,
            "sponsored": False,
            "holds": 0,
            "pledgeStuck": False,
            "countersigned": False,
            "customer": CUSTOMER,
            "funder": CUSTOMER,
            "operator": OPERATOR,
            "start": self.terms.start,
            "end": self.terms.expiry,
            "stopAt": 0,
            "downtime": 0,
            "notBefore": 0,
            **changes,
        }

    def dispute_view(
        self, challenger: str, output_root: bytes, ruling_start: int, **changes: Any
    ) -> dict[str, Any]:
        """`DisputeView`, in the first arbiter's time."""
        return {
            "kind": _WORK,
            "state": _RULING,
            "outcome": 0,
            "round": 1,
            "upward": False,
            "appealed": False,
            "policy": POLICY,
            "reason": 0,
            "operator": OPERATOR,
            "agreement": self.agreement,
            "challenger": challenger,
            "attacked": UNITS,
            "claimed": 0,
            "ruling": 0,
            "outputRoot": output_root,
            "openedAt": ruling_start - 86_400,
            "rulingStart": ruling_start,
            "deadline": ruling_start + RULING_TIME,
            **changes,
        }


def dispute_terms(arbiter: str, **changes: Any) -> dict[str, Any]:
    """`DisputeTerms` with the default figures (PROTOCOL.md section 13) and this first arbiter."""
    return {
        "contestTime": 86_400,
        "evidenceTime": 86_400,
        "rulingTime": RULING_TIME,
        "appealTime": 86_400,
        "backingBond": 20_000_000,
        "voidPenalty": 100_000_000,
        "penaltyCap": 1_000_000_000,
        "minBond": 50_000_000,
        "bondBps": 500,
        "slashBps": 10_000,
        "slashCap": 0,
        "slashDayCap": 0,
        "rewardBps": 2_000,
        "accusedBps": 6_000,
        "arbiterFee": 25_000_000,
        "appealFee": 55_000_000,
        "arbiter": arbiter,
        "secondArbiter": NOBODY,
        **changes,
    }
