"""The Terms of every lease, ahead of its start, and the days between trace seconds and the chain's."""

from __future__ import annotations

from collections import Counter

from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import Mode
from tallystick.protocol.hashing import keccak256
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.lease.plan import LeasePlan
from tallystick.replay.opening import OFFER, Offer

__all__ = ["base_time", "offers_of"]

LEAD = OFFER // 2
"""Chain seconds between signing the offers and the first start: in them everything is opened."""


def base_time(plan: LeasePlan, now: int) -> int:
    """The chain's time at trace second 0, so that the first lease starts LEAD seconds after `now`."""
    return now + LEAD - min((lease.start for lease in plan.leases), default=0)


def offers_of(plan: LeasePlan, cast: Cast, parties: Parties, base: int, now: int) -> list[Offer]:
    """One offer a lease, in file order; good for a day from `now`.

    A nonce counts the leases of its signer, on either side.
    """
    customers, providers = Counter[int](), Counter[int]()
    offers = []
    for lease in plan.leases:
        customer, provider = lease.customer, lease.provider
        terms = Terms(
            customer=parties.customer_accounts[customer],
            funder=parties.customer_accounts[customer],
            operator=parties.provider_operators[provider],
            payee=parties.provider_accounts[provider],
            mode=Mode.LEASE,
            policy=parties.policy,
            max_fee_provider=plan.fee_bps,
            max_fee_customer=0,
            unit_price=lease.rate,
            budget=lease.budget,
            max_budget=lease.budget,
            start=base + lease.start,
            expiry=base + lease.expiry,
            work_hash=keccak256(b"tallystick replay lease" + lease.line.to_bytes(8, "big")),
            customer_nonce=customers[customer],
            operator_nonce=providers[provider],
            deadline=now + OFFER,
        )
        customers[customer] += 1
        providers[provider] += 1
        offers.append(Offer(terms, cast.customer_keys[customer], cast.provider_keys[provider]))
    return offers
