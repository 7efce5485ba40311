"""InsurancePool: its shares of fees and of slashes come in. Claims are in test_insurance_claims.py."""

from __future__ import annotations

import pytest

from tallystick.chain.contracts import load
from tests.support.evm import Evm, account, reverts
from tests.support.system import DOLLAR, Role, System, deploy_system

ALICE, EVE = account("alice"), account("eve")
ZERO = "0x" + "00" * 20


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def slash(system: System, operator: int, amount: int) -> None:
    """A slash without a victim or a challenger: all of it is insurance."""
    system.staking.transact("slash", (operator, 0, amount, ZERO, 0, ZERO, 0, 0, ZERO, 1), sender=system.court)


def test_pull_fees__by_anyone__takes_the_insurance_share(system: System) -> None:
    pool = system.insurance
    system.accrue_fees(5_000_000)
    receipt = pool.transact("pullFees", sender=EVE)
    assert receipt.result == 1_000_000
    assert [log.args["amount"] for log in receipt.events("FeesReceived")] == [1_000_000]
    assert (pool.call("feesReceived"), system.balance(pool)) == (1_000_000, 1_000_000)
    again = pool.transact("pullFees", sender=EVE)
    assert (again.result, again.logs) == (0, ())


def test_pull_slashes__by_anyone__takes_what_slashes_left_over(system: System) -> None:
    pool = system.insurance
    assert pool.transact("pullSlashes", sender=EVE).result == 0
    operator = system.register(ALICE, Role.PROVIDER, free=10 * DOLLAR)
    for amount in (100, 23):
        slash(system, operator, amount)
    receipt = pool.transact("pullSlashes", sender=EVE)
    assert receipt.result == receipt.event("SlashesReceived").args["amount"] == 123
    assert (pool.call("slashesReceived"), pool.call("feesReceived"), system.balance(pool)) == (123, 0, 123)
    assert pool.transact("pullSlashes", sender=EVE).result == 0
    assert system.staking.call("totalCredits") == 0


def test_donations__are_counted_as_neither(system: System) -> None:
    system.mint(system.insurance.address, 50)
    assert system.insurance.transact("pullFees", sender=EVE).result == 0
    assert system.insurance.call("feesReceived") == system.insurance.call("slashesReceived") == 0


def test_abi__nothing_is_behind_a_role__and_only_victims_take_money_out() -> None:
    functions = load("InsurancePool").functions.values()
    assert {f.name for f in functions if f.mutability not in ("view", "pure")} == {
        "pullFees", "pullSlashes", "file", "count", "pay", "claimCredit",
    }  # fmt: skip


def test_pulls__with_a_currency_that_takes_a_fee__are_refused() -> None:
    system = deploy_system(currency="FeeOnTransferDollar", escrow="MockEscrow")
    system.currency.transact("setFee", 0, sender=EVE)
    operator = system.register(ALICE, Role.PROVIDER, free=10_000)
    slash(system, operator, 1_000)
    system.accrue_fees(10_000)
    system.splitter.transact("sweep", sender=EVE)
    system.currency.transact("setFee", 100, sender=EVE)
    with reverts("InsurancePool_WrongAmountReceived", expected=2_000, received=1_980):
        system.insurance.transact("pullFees", sender=EVE)
    with reverts("InsurancePool_WrongAmountReceived", expected=1_000, received=990):
        system.insurance.transact("pullSlashes", sender=EVE)


def test_constructor__nobody__is_refused() -> None:
    parameters = ("currency", "feeSplitter", "staking", "escrow", "policyBook", "court")
    assert tuple(part.name for part in load("InsurancePool").constructor) == parameters
    for missing in parameters:
        values = dict.fromkeys(parameters, EVE.address) | {missing: ZERO}
        with reverts("InsurancePool_ZeroAddress"):
            Evm().deploy("InsurancePool", **values)
