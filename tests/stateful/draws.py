"""What the rules draw: people, amounts, spans; offers and receipts that should do, and such with some of it spoilt."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tallystick.protocol.eip712 import Receipt, Terms
from tallystick.protocol.enums import KeyKind, VerificationKind
from tallystick.protocol.model import Agreement
from tests.stateful.signed_steps import Signing
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
accounts = st.integers(0, 7)
mostly = st.sampled_from([True, True, True, False])
operators = st.integers(0, 5)
policies = st.integers(0, 6)
kinds = st.sampled_from(list(KeyKind))
spans = st.sampled_from([0, 1, 59, 3_599, 3_600, 3_601, DAY - 1, DAY, 2 * DAY, 5 * DAY, 7 * DAY, 21 * DAY])
units = st.one_of(
    st.integers(0, 3_000), st.integers(1_000, 900_000), st.integers(0, 60_000_000), st.just(2**80 - 1)
)
VERDICTS = account("verdicts")
"""The verifier's key."""
KEYS = [account(f"session {i}") for i in range(4)]


def device_of(operator: int) -> Account:
    """An operator's device key."""
    return account(f"device {operator}")


def owner_of(twin: Twin, number: int) -> Account:
    """Who owns an account; mallory when nobody does."""
    return _known(twin.model.escrow.owner_of(number))


def operator_owner(twin: Twin, operator: int) -> Account:
    """Who owns an operator; mallory when nobody does."""
    return _known(twin.model.staking.owner_of(operator))


def _known(owner: str) -> Account:
    return next((account(name) for name in ACTORS if account(name).address == owner), account("mallory"))


def honest_offer(
    twin: Twin, data: st.DataObject, **fixed: Any
) -> tuple[Terms, Account | None, Account | None]:
    """What should open, if money, stake and policy allow it."""
    customer, operator = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    budget = data.draw(st.one_of(st.integers(1, 1_000), st.integers(1, 40 * DOLLAR)))
    nonce = twin.model.escrow.sequence * 8 + 16 + data.draw(st.integers(0, 7))
    mode = data.draw(st.sampled_from([0, 0, 1]))
    terms = Terms(
        customer=customer,
        funder=data.draw(st.sampled_from([customer, customer, 5])),
        operator=operator,
        payee=data.draw(st.sampled_from([operator + 2, operator + 2, 6])),
        mode=mode,
        policy=data.draw(st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5])),
        max_fee_provider=2_000,
        max_fee_customer=2_000,
        unit_price=data.draw(st.sampled_from([1, 19, 600_000, 1_000_000, 100_000_000, 999_999_937])),
        budget=budget,
        max_budget=budget * data.draw(st.integers(1, 2)),
        start=twin.now + data.draw(st.sampled_from([-5, 0, DAY])),
        expiry=twin.now + data.draw(st.integers(2, 30)) * DAY,
        work_hash=b"\7" * 32,
        customer_nonce=nonce,
        operator_nonce=nonce,
        deadline=twin.now + 60,
    )._replace(**fixed)
    return terms, owner_of(twin, terms.customer), operator_owner(twin, terms.operator)


def offer(twin: Twin, data: st.DataObject) -> tuple[Terms, Account | None, Account | None]:
    """An honest offer with some of it spoilt."""
    terms, customer, operator = honest_offer(twin, data)
    now = twin.now
    spoilt: dict[str, st.SearchStrategy[Any]] = {
        "customer": accounts,
        "funder": accounts,
        "operator": operators,
        "payee": accounts,
        "mode": st.integers(0, 1),
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
    if data.draw(st.integers(0, 15)) == 0:  # more than anybody has
        terms = terms._replace(budget=2**55, max_budget=2**56 - 1)
    signers = st.one_of(st.none(), people)
    if data.draw(st.integers(0, 3)) == 0:
        customer = data.draw(signers)
    if data.draw(st.integers(0, 3)) == 0:
        operator = data.draw(signers)
    return terms, customer, operator


def figure_of(twin: Twin, data: st.DataObject, found: Agreement) -> int:
    """Units delivered, or of a lease seconds not served, mostly such as can be."""
    if not found.is_lease:
        return data.draw(units)
    elapsed = found.elapsed(twin.now)
    return data.draw(st.sampled_from([0, 1, elapsed // 10, elapsed // 3, elapsed, elapsed + 1]))


def honest_receipt(twin: Twin, data: st.DataObject, number: int, accepted: bool) -> Signing:
    """A receipt that the device signed and the customer accepted, or which the verifiers found valid."""
    found = twin.model.escrow.agreements[number]
    end = min(twin.now, found.ends_at)
    start = data.draw(st.sampled_from([found.start, max(found.start, end - 60)]))
    until = data.draw(st.sampled_from([end, end, max(start + 1, end - 100)]))
    receipt = Receipt(number, figure_of(twin, data, found), start, until, b"\5" * 32, False)
    signing = Signing(receipt, device_of(found.operator))
    if accepted:
        signing.customer = owner_of(twin, found.customer)
        signing.funder = owner_of(twin, found.funder) if found.sponsored else None
    elif twin.model.policy_book.get(found.policy).kind == VerificationKind.ATTESTED:
        signing.verdicts = [(4, VERDICTS)]
    return signing


def receipt(twin: Twin, data: st.DataObject, number: int) -> Signing:
    """A receipt with some of it spoilt, or accepted by a session key."""
    if number not in twin.model.escrow.agreements:
        return Signing(Receipt(number, 1, twin.now - 1, twin.now, bytes(32), False), device_of(1))
    found = twin.model.escrow.agreements[number]
    signing = honest_receipt(twin, data, number, data.draw(st.booleans()))
    body = signing.receipt
    spoilt = data.draw(
        st.sampled_from(["nothing", "session", "session", "device", "customer", "funder", "verdicts", "time"])
    )
    anybody = st.one_of(st.none(), people)
    if spoilt == "session":
        signing.session = data.draw(st.sampled_from(KEYS))
        signing.customer = data.draw(st.sampled_from([signing.session, signing.session, KEYS[0]]))
        signing.funder = owner_of(twin, found.funder)
    elif spoilt == "device":
        signing.device = data.draw(st.sampled_from([None, device_of(1), device_of(2), account("mallory")]))
    elif spoilt == "customer":
        signing.customer = data.draw(anybody)
    elif spoilt == "funder":
        signing.funder = data.draw(anybody)
    elif spoilt == "verdicts":
        pairs = st.tuples(st.integers(1, 5), st.sampled_from([VERDICTS, account("mallory")]))
        signing.customer, signing.verdicts = None, data.draw(st.lists(pairs, max_size=3))
        signing.version = data.draw(st.sampled_from([3, 3, 2]))
    elif spoilt == "time":
        early = body.period_start - data.draw(st.integers(0, 1))
        late = body.period_end + data.draw(st.sampled_from([0, 1, DAY]))
        signing.receipt = body._replace(period_start=early, period_end=late)
    return signing
