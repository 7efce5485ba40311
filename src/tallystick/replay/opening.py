"""Opens every agreement: Terms signed by both sides, up to 100 in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tallystick.chain.contracts import load
from tallystick.chain.node import TransactionReceipt
from tallystick.chain.sender import Call, KeySender
from tallystick.protocol.eip712 import Terms, digest, escrow_domain
from tallystick.protocol.enums import Mode, OpenRefusal
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import PrivateKey
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.errors import ReplayError
from tallystick.replay.plan import Survey
from tallystick.replay.world import World, events, topic_int

__all__ = ["OFFER", "Offer", "Opened", "open_all", "open_offers", "terms_for"]

AT_ONCE = 100
"""Agreements in one transaction; 7 million gas, or 10.6 when each has a provider of its own."""
GAS_EACH = 120_000
GAS_BASE = 300_000
TERM = 90 * 86_400
"""Seconds until an agreement expires; longer than any replay, windows included."""
OFFER = 86_400
"""Seconds for which a signed offer can be opened."""
TRANSACTIONS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """Terms, and the keys of those who sign them: the customer account's owner and the operator's."""

    terms: Terms
    customer_key: PrivateKey
    provider_key: PrivateKey


@dataclass(frozen=True, slots=True)
class Opened:
    """What the chain opened: numbers in order, the terms that were signed, and the gas that it took."""

    numbers: list[int]
    terms: list[Terms]
    gas: int
    transactions: list[TransactionReceipt]


def terms_for(survey: Survey, parties: Parties, slot: int, now: int) -> Terms:
    """The offer of agreement `slot`; `now` is the chain's time in seconds."""
    customer, provider = divmod(slot, survey.providers)
    budget = survey.budget(slot)
    return Terms(
        customer=parties.customer_accounts[customer],
        funder=parties.customer_accounts[customer],
        operator=parties.provider_operators[provider],
        payee=parties.provider_accounts[provider],
        mode=Mode.METERED,
        policy=parties.policy,
        max_fee_provider=survey.fee_bps,
        max_fee_customer=0,
        unit_price=survey.unit_price,
        budget=budget,
        max_budget=budget,
        start=now,
        expiry=now + TERM,
        work_hash=keccak256(b"tallystick replay work" + slot.to_bytes(8, "big")),
        customer_nonce=provider,
        operator_nonce=customer,
        deadline=now + OFFER,
    )


def open_all(
    world: World,
    sender: KeySender,
    cast: Cast,
    parties: Parties,
    survey: Survey,
    progress: Callable[[int], None],
) -> Opened:
    """Signs and opens all agreements; calls `progress` with the number opened so far.

    Raises:
        ReplayError: `not_opened`, when the Escrow left one out, with its reason.
    """
    now = world.node.timestamp()
    offers = []
    for slot in range(len(survey.units)):
        customer, provider = divmod(slot, survey.providers)
        terms = terms_for(survey, parties, slot, now)
        offers.append(Offer(terms, cast.customer_keys[customer], cast.provider_keys[provider]))
    return open_offers(world, sender, offers, progress)


def open_offers(
    world: World, sender: KeySender, offers: Sequence[Offer], progress: Callable[[int], None]
) -> Opened:
    """Signs and opens offers, in order; calls `progress` with the number opened so far.

    Raises:
        ReplayError: `not_opened`, when the Escrow left one out, with its reason.
    """
    domain = escrow_domain(world.node.chain_id(), world.raw_address("Escrow"))
    numbers: list[int] = []
    receipts: list[TransactionReceipt] = []
    for start in range(0, len(offers), AT_ONCE * TRANSACTIONS_AT_ONCE):
        part = offers[start : start + AT_ONCE * TRANSACTIONS_AT_ONCE]
        calls: list[Call] = []
        for first in range(0, len(part), AT_ONCE):
            group = part[first : first + AT_ONCE]
            signatures = []
            for offer in group:
                signed = digest(domain, offer.terms.hash_struct())
                signatures.append((offer.customer_key.sign(signed), offer.provider_key.sign(signed)))
            data = load("Escrow").encode("open", [tuple(offer.terms) for offer in group], signatures)
            calls.append(Call(world.address("Escrow"), data, gas=GAS_BASE + GAS_EACH * len(group)))
        done = sender.send_many(calls)
        numbers += _numbers(world, [offer.terms for offer in part], done)
        receipts += done
        progress(len(numbers))
    return Opened(
        numbers, [offer.terms for offer in offers], sum(receipt.gas_used for receipt in receipts), receipts
    )


def _numbers(world: World, offers: Sequence[Terms], receipts: Sequence[TransactionReceipt]) -> list[int]:
    for log in events(world, "Escrow", "OpenRefused", receipts):
        reason = OpenRefusal(int(log["data"][-64:], 16))
        raise ReplayError("not_opened", f"The Escrow left an agreement of this replay out: {reason.name}.")
    numbers = [topic_int(log, 1) for log in events(world, "Escrow", "Opened", receipts)]
    wanted = [int.from_bytes(terms.hash_struct()[:4], "big") for terms in offers]
    if [number & 0xFFFFFFFF for number in numbers] != wanted:
        raise ReplayError("not_opened", "The Escrow opened other agreements than those that were signed.")
    return numbers
