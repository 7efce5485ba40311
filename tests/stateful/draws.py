"""What the rules draw: people, amounts, spans, offers that should open and offers with some of it spoilt."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tallystick.protocol.eip712 import Terms
from tests.stateful.twin import ACTORS, Twin
from tests.support.evm import Account, account
from tests.support.system import DOLLAR

DAY = 86_400
FOREVER = 2**40 - 1

people = st.sampled_from(ACTORS).map(account)
"""Anybody; an account's or operator's owner only by chance."""
receivers = st.sampled_from([*(account(name).address for name in ACTORS), "0x" + "00" * 20])
amounts = st.one_of(
    st.integers(0, 200), st.integers(0, 50 * DOLLAR), st.sampled_from([1, 999, 10**6, 5_000 * DOLLAR])
)
accounts = st.integers(0, 6)
mostly = st.sampled_from([True, True, True, False])
operators = st.integers(0, 4)
policies = st.integers(0, 3)
spans = st.sampled_from([0, 1, 59, 3_599, 3_600, 3_601, DAY - 1, DAY, 2 * DAY, 5 * DAY, 7 * DAY, 21 * DAY])
units = st.one_of(
    st.integers(0, 3_000), st.integers(1_000, 900_000), st.integers(0, 60_000_000), st.just(2**80 - 1)
)


def owner_of(twin: Twin, number: int) -> Account:
    """Who owns an account; mallory when nobody does."""
    return _known(twin.model.escrow.owner_of(number))


def operator_owner(twin: Twin, operator: int) -> Account:
    """Who owns an operator; mallory when nobody does."""
    return _known(twin.model.staking.owner_of(operator))


def _known(owner: str) -> Account:
    return next((account(name) for name in ACTORS if account(name).address == owner), account("mallory"))


def honest_offer(twin: Twin, data: st.DataObject) -> tuple[Terms, Account | None, Account | None]:
    """What should open, if money, stake and policy allow it."""
    customer, operator = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    budget = data.draw(st.one_of(st.integers(1, 1_000), st.integers(1, 40 * DOLLAR)))
    nonce = twin.model.escrow.sequence * 8 + 16 + data.draw(st.integers(0, 7))
    terms = Terms(
        customer=customer,
        funder=data.draw(st.sampled_from([customer, customer, 5])),
        operator=operator,
        payee=operator + 2,
        mode=0,
        policy=data.draw(st.integers(1, 2)),
        max_fee_provider=2_000,
        max_fee_customer=2_000,
        unit_price=data.draw(st.sampled_from([1, 19, 600_000, 1_000_000, 999_999_937])),
        budget=budget,
        max_budget=budget,
        start=twin.now + data.draw(st.sampled_from([-5, 0, DAY])),
        expiry=twin.now + data.draw(st.integers(2, 30)) * DAY,
        work_hash=b"\7" * 32,
        customer_nonce=nonce,
        operator_nonce=nonce,
        deadline=twin.now + 60,
    )
    return terms, owner_of(twin, customer), operator_owner(twin, operator)


def offer(twin: Twin, data: st.DataObject) -> tuple[Terms, Account | None, Account | None]:
    """An honest offer with some of it spoilt."""
    terms, customer, operator = honest_offer(twin, data)
    now = twin.now
    spoilt: dict[str, st.SearchStrategy[Any]] = {
        "customer": accounts,
        "funder": accounts,
        "operator": operators,
        "payee": accounts,
        "mode": st.just(1),
        "policy": policies,
        "max_fee_provider": st.integers(0, 600),
        "max_fee_customer": st.integers(0, 200),
        "unit_price": st.just(0),
        "budget": st.sampled_from([0, 2**56 - 1]),
        "max_budget": st.sampled_from([0, 2**56 - 1]),
        "start": st.sampled_from([now + 400 * DAY, now + 400 * DAY + 1]),
        "expiry": st.sampled_from([now, now + 1, now + 400 * DAY, now + 400 * DAY + 1]),
        "customer_nonce": st.integers(0, 3),
        "operator_nonce": st.integers(0, 3),
        "deadline": st.sampled_from([now - 1, now]),
    }
    for name in data.draw(st.lists(st.sampled_from(sorted(spoilt)), max_size=2)):
        terms = terms._replace(**{name: data.draw(spoilt[name])})
    signers = st.one_of(st.none(), people)
    if data.draw(st.integers(0, 3)) == 0:
        customer = data.draw(signers)
    if data.draw(st.integers(0, 3)) == 0:
        operator = data.draw(signers)
    return terms, customer, operator
