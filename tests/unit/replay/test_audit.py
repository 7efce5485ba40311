"""The model's books are those of the trace, and a single µ on the chain is noticed wherever it is."""

from dataclasses import fields, replace

import pytest

from tallystick.protocol.eip712 import agreement_number
from tallystick.replay.audit import Books, agreement_lines, expected_books, reckon
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.opening import Opened, terms_for
from tallystick.replay.plan import survey
from tallystick.replay.stage import deposits_of, stakes_for
from tallystick.replay.twin import books_of, play_in_model
from tallystick.sources.base import Rejected, Row

CUSTOMERS, PROVIDERS, WINDOW, NOW = 3, 2, 86_400, 1_700_000_000


@pytest.fixture(scope="module")
def found():
    rows = [Rejected(k, k + 2, "no_gpu") if k == 4 else Row(k, k + 2, 1_000_003 * (k + 1)) for k in range(14)]
    return survey(rows, customers=CUSTOMERS, providers=PROVIDERS, unit_price=600_001, fee_bps=333)


@pytest.fixture(scope="module")
def parties():
    return Parties([1, 2, 3], [4, 5], [1, 2], 3, 4, 1)


@pytest.fixture(scope="module")
def opened(found, parties):
    terms = [terms_for(found, parties, slot, NOW) for slot in range(CUSTOMERS * PROVIDERS)]
    numbers = [agreement_number(n, one.hash_struct()) for n, one in enumerate(terms, 1)]
    return Opened(numbers, terms, 0, [])


@pytest.fixture(scope="module")
def model_books(found, parties, opened):
    model = play_in_model(Cast("test", CUSTOMERS, PROVIDERS), parties, found, opened, WINDOW)
    model.check_invariants()
    return books_of(model, parties, opened)


def test_play_in_model__trace__comes_to_what_the_trace_says(found, model_books):
    assert model_books == expected_books(found)


def test_expected_books__one_agreement__by_hand(found):
    # Customer 0, provider 0: rows 0, 6 and 12, units 1 000 003 x (1 + 7 + 13) = 21 000 063.
    books = expected_books(found)
    gross = 21_000_063 * 600_001 // 1_000_000
    assert gross == 12_600_058
    assert books.paid[0] == gross
    # Customer 1, provider 1 would have row 4 alone, which is rejected, and row 10.
    assert books.paid[3] == 1_000_003 * 11 * 600_001 // 1_000_000
    assert books.fees_accrued == sum(paid * 333 // 10_000 for paid in books.paid)
    assert books.currency == books.obligations


def test_reckon__chain_as_the_model__has_nothing_to_say(found, model_books):
    assert reckon(model_books, found, model_books) == []


@pytest.mark.parametrize("name", [field.name for field in fields(Books) if field.name != "block"])
def test_reckon__one_micro_more_anywhere__is_noticed(found, model_books, name):
    value = getattr(model_books, name)
    changed = [*value[:-1], value[-1] + 1] if isinstance(value, list) else value + 1
    assert reckon(replace(model_books, **{name: changed}), found, model_books)


def test_agreement_lines__used_agreements__say_what_the_chain_paid(found, model_books):
    short = replace(model_books, paid=[paid - 1 for paid in model_books.paid])
    for line in agreement_lines(found, short):
        assert line.gross == line.net + line.fee
        assert line.onchain_paid == line.gross - 1


def test_stakes_for__budgets__cover_every_pledge_and_flight(found):
    stakes = stakes_for(found)
    budgets = [found.budget(slot) for slot in range(6)]
    assert sum(deposits_of(found)) == sum(budgets)
    for provider in range(PROVIDERS):
        pledges = sum(-(-budget // 10) for budget in budgets[provider::PROVIDERS])
        assert stakes.providers[provider] == 1_000_000_000 + pledges
    assert stakes.relayer * 10 >= sum(budgets)
    assert stakes.value_cap >= sum(budgets)
