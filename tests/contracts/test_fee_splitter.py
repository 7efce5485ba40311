"""FeeSplitter: every µ that the Escrow sent is credited once, by the shares of its time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.evm import Evm, account, reverts
from tests.support.system import System, deploy_system

ALICE, EVE, HEIR = account("alice"), account("eve"), account("heir")
ZERO = "0x" + "00" * 20
DEFAULT = (7_000, 2_000, 1_000)


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def credited(system: System) -> tuple[int, int, int]:
    """µ credited to (dividends, insurance, treasury) and not yet pulled."""
    recipients = (system.vault, system.insurance, system.treasury)
    dividends, insurance, treasury = (system.splitter.call("creditOf", who.address) for who in recipients)
    return dividends, insurance, treasury


def sweep(system: System, amount: int) -> tuple[int, int, int]:
    """Lets µ of fees fall due and sweeps them; what was credited to each."""
    before = credited(system)
    system.accrue_fees(amount)
    assert system.splitter.transact("sweep", sender=EVE).result == amount
    after = credited(system)
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def test_sweep__worked_numbers__splits_seventy_twenty_ten(system: System) -> None:
    system.accrue_fees(5_000_000)
    receipt = system.splitter.transact("sweep", sender=EVE)
    assert receipt.event("FeesSplit").args == {
        "amount": 5_000_000,
        "dividends": 3_500_000,
        "insurance": 1_000_000,
        "treasury": 500_000,
    }
    assert credited(system) == (3_500_000, 1_000_000, 500_000)
    assert system.splitter.call("totalCredited") == 5_000_000
    assert system.balance(system.splitter) == 5_000_000
    again = system.splitter.transact("sweep", sender=EVE)
    assert (again.result, again.logs) == (0, ())


def test_sweep__fees_that_somebody_collected_before__are_credited_too(system: System) -> None:
    system.accrue_fees(1_000)
    system.escrow.transact("collectFees", sender=EVE)
    assert system.splitter.transact("sweep", sender=EVE).result == 1_000
    assert credited(system) == (700, 200, 100)


def test_sweep__donations__are_ignored(system: System) -> None:
    system.mint(system.splitter.address, 999)
    assert system.splitter.transact("sweep", sender=EVE).result == 0
    assert sweep(system, 10) == (7, 2, 1)
    assert system.splitter.call("totalCredited") == 10


def test_sweep__one_at_a_time__adds_up_to_the_cumulative_floors(system: System) -> None:
    # By hand, 20 % and 10 % of 1 … 10: insurance's floor rises at 5 and 10, the treasury's at 10. The 10th single µ
    # cannot be both, so the treasury's comes with the 11th.
    got = [sweep(system, 1) for _ in range(11)]
    assert [parts.index(1) for parts in got] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2]
    assert all(sum(parts) == 1 for parts in got)
    assert credited(system) == (8, 2, 1)
    assert sweep(system, 89) == (62, 18, 9)
    assert credited(system) == (70, 20, 10)


def test_sweep__any_cut_of_the_same_fees__ends_at_the_same_credits(system: System) -> None:
    dice = random.Random(7)
    total = 0
    for _ in range(200):
        amount = dice.choice((1, 2, 3, 7, 19, 10_007))
        sweep(system, amount)
        total += amount
        dividends, insurance, treasury = credited(system)
        assert dividends + insurance + treasury == total
        assert insurance == total * 2_000 // 10_000
        assert 0 <= total * 1_000 // 10_000 - treasury <= 1
    sweep(system, 10)
    total += 10
    assert credited(system)[2] == total * 1_000 // 10_000


def test_pull__each_recipient__gets_its_credit_once(system: System) -> None:
    system.accrue_fees(5_000_000)
    receipt = system.splitter.transact("pull", sender=system.treasury)
    assert receipt.result == 500_000
    assert receipt.event("Pulled").args == {"recipient": system.treasury.address, "amount": 500_000}
    assert system.splitter.transact("pull", sender=system.treasury).result == 0
    assert system.splitter.transact("pullTreasury", sender=EVE).result == 0
    assert credited(system) == (3_500_000, 1_000_000, 0)
    assert system.balance(system.treasury) == 500_000
    system.accrue_fees(100)
    assert system.splitter.transact("pullTreasury", sender=EVE).result == 10
    assert (system.balance(system.treasury), system.balance(EVE)) == (500_010, 0)
    with reverts("FeeSplitter_NotRecipient", caller=EVE.address):
        system.splitter.transact("pull", sender=EVE)
    assert system.splitter.call("creditOf", EVE.address) == 0


def test_pull__by_a_blacklisted_treasury__delays_only_the_treasury(system: System) -> None:
    system.accrue_fees(1_000)
    system.currency.transact("blacklist", system.treasury.address, True, sender=system.admin)
    with reverts("TestDollar_Blacklisted", holder=system.treasury.address):
        system.splitter.transact("pullTreasury", sender=EVE)
    assert system.vault.transact("pullFees", sender=EVE).result == 700
    assert system.insurance.transact("pullFees", sender=EVE).result == 200
    system.splitter.transact("setTreasury", HEIR.address, sender=system.admin)
    assert system.splitter.transact("pullTreasury", sender=EVE).result == 100
    assert system.balance(HEIR) == 100


def test_pull__while_the_escrow_cannot_send__still_pays_what_was_credited(system: System) -> None:
    system.accrue_fees(1_000)
    system.splitter.transact("sweep", sender=EVE)
    system.accrue_fees(1_000)
    system.escrow.transact("setBroken", True, sender=EVE)
    with reverts("MockEscrow_Broken"):
        system.splitter.transact("sweep", sender=EVE)
    with reverts("MockEscrow_Broken"):
        system.splitter.transact("setShares", 5_000, 4_000, 1_000, sender=system.admin)
    assert system.vault.transact("pullFees", sender=EVE).result == 700
    system.escrow.transact("setBroken", False, sender=EVE)
    assert system.vault.transact("pullFees", sender=EVE).result == 700


def test_set_shares__spares_what_fell_due_before(system: System) -> None:
    assert sweep(system, 999) == (701, 199, 99)  # 199.8 and 99.9, floored
    system.accrue_fees(1_001)
    receipt = system.splitter.transact("setShares", 5_000, 4_000, 1_000, sender=system.admin)
    # Together 2 000: by the old shares exactly.
    assert credited(system) == (1_400, 400, 200)
    assert receipt.event("SharesSet").args == {
        "dividendsBps": 5_000,
        "insuranceBps": 4_000,
        "treasuryBps": 1_000,
    }
    assert system.splitter.call("shares") == (5_000, 4_000, 1_000)
    assert sweep(system, 1_000) == (500, 400, 100)
    assert system.splitter.call("totalCredited") == sum(credited(system)) == 3_000


def test_set_shares__often_between_odd_fees__conserves_every_unit(system: System) -> None:
    dice = random.Random(11)
    total = 0
    pulled = 0
    for _ in range(150):
        amount = dice.choice((1, 1, 2, 3, 19, 12_345))
        parts = sweep(system, amount)
        total += amount
        assert min(parts) >= 0
        if dice.random() < 0.4:
            dividends = dice.randrange(5_000, 9_001)
            insurance = dice.randrange(max(500, 8_000 - dividends), min(4_000, 10_000 - dividends) + 1)
            shares = (dividends, insurance, 10_000 - dividends - insurance)
            system.splitter.transact("setShares", *shares, sender=system.admin)
        if dice.random() < 0.2:
            pulled += system.splitter.transact("pullTreasury", sender=EVE).result
            pulled += system.insurance.transact("pullFees", sender=EVE).result
        assert sum(credited(system)) + pulled == total == system.splitter.call("totalCredited")
        assert system.balance(system.splitter) == sum(credited(system))


@pytest.mark.parametrize("shares", [(9_000, 500, 500), (5_000, 4_000, 1_000), (5_000, 3_000, 2_000), DEFAULT])
def test_set_shares__on_the_bounds__are_taken(system: System, shares: tuple[int, int, int]) -> None:
    system.splitter.transact("setShares", *shares, sender=system.admin)
    assert system.splitter.call("shares") == shares


@pytest.mark.parametrize(
    "shares",
    [
        (4_999, 4_000, 1_001),
        (9_001, 500, 499),
        (9_000, 499, 501),
        (5_999, 4_001, 0),
        (5_000, 2_999, 2_001),
        (7_000, 2_000, 999),
        (7_000, 2_000, 1_001),
        (65_535, 65_535, 65_535),
        (0, 0, 10_000),
    ],
)
def test_set_shares__outside_the_bounds__are_refused(system: System, shares: tuple[int, int, int]) -> None:
    with reverts(
        "FeeSplitter_BadShares", dividendsBps=shares[0], insuranceBps=shares[1], treasuryBps=shares[2]
    ):
        system.splitter.transact("setShares", *shares, sender=system.admin)
    assert system.splitter.call("shares") == DEFAULT


def test_set_treasury__moves_its_credit_and_no_others(system: System) -> None:
    sweep(system, 1_000)
    receipt = system.splitter.transact("setTreasury", HEIR.address, sender=system.admin)
    assert receipt.event("TreasurySet").args == {"treasury": HEIR.address}
    assert system.splitter.call("creditOf", HEIR.address) == 100
    assert credited(system) == (700, 200, 0)
    with reverts("FeeSplitter_NotRecipient", caller=system.treasury.address):
        system.splitter.transact("pull", sender=system.treasury)
    assert system.splitter.transact("pull", sender=HEIR).result == 100
    with reverts("FeeSplitter_ZeroAddress"):
        system.splitter.transact("setTreasury", ZERO, sender=system.admin)
    for other in (system.vault, system.insurance, system.splitter):
        with reverts("FeeSplitter_UnfitTreasury", treasury=other.address):
            system.splitter.transact("setTreasury", other.address, sender=system.admin)


@pytest.mark.parametrize(("function", "values"), [("setShares", DEFAULT), ("setTreasury", (EVE.address,))])
def test_parameters__without_the_role__are_refused(
    system: System, function: str, values: tuple[object, ...]
) -> None:
    for caller in (EVE, system.treasury):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            system.splitter.transact(function, *values, sender=caller)


def test_reentrant_currency__enters_no_sibling() -> None:
    system = deploy_system(currency="ReentrantDollar", escrow="MockEscrow")
    token, splitter = system.currency, system.splitter
    # The currency itself is the treasury and has every role, so nothing but the guard can refuse it.
    splitter.transact("setTreasury", token.address, sender=system.admin)
    system.authority.transact("grantRole", 0, token.address, 0, sender=system.admin)
    system.accrue_fees(1_000)
    start = system.evm.snapshot()
    for data in (
        splitter.encode("pull"),
        splitter.encode("pullTreasury"),
        splitter.encode("sweep"),
        splitter.encode("setShares", *DEFAULT),
        splitter.encode("setTreasury", EVE.address),
    ):
        for entry in ("sweep", "pullTreasury"):
            token.transact("arm", splitter.address, data, True, sender=EVE)
            splitter.transact(entry, sender=EVE)
            assert (token.call("calls"), token.call("succeeded")) == (1, False)
            assert token.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
            system.evm.revert(start)


def test_reentrant_currency__pulling_while_fees_travel__takes_no_more_than_its_share() -> None:
    system = deploy_system(currency="ReentrantDollar", escrow="MockEscrow")
    token, splitter = system.currency, system.splitter
    splitter.transact("setTreasury", token.address, sender=system.admin)
    sweep(system, 10_000)
    system.accrue_fees(1_000)
    # `collectFees` called directly: the splitter is not entered, and the fees are said to be sent but not yet here.
    token.transact("arm", splitter.address, splitter.encode("pull"), True, sender=EVE)
    system.escrow.transact("collectFees", sender=EVE)
    assert token.call("succeeded")
    assert system.balance(token) == 1_000 + 100
    assert (
        system.balance(splitter) == sum(credited(system)) + splitter.call("creditOf", token.address) == 9_900
    )


def construction(system: System, **changes: Any) -> dict[str, Any]:
    return {
        "authority": system.authority.address,
        "currency": system.currency.address,
        "escrow": system.escrow.address,
        "dividendVault": system.vault.address,
        "insurancePool": system.insurance.address,
        "treasury": system.treasury.address,
        "dividendsBps": 7_000,
        "insuranceBps": 2_000,
        "treasuryBps": 1_000,
        **changes,
    }


def test_constructor__nobody_bad_shares_or_an_unfit_currency__is_refused(system: System) -> None:
    evm: Evm = system.evm
    for name in ("authority", "escrow", "dividendVault", "insurancePool", "treasury"):
        with reverts("FeeSplitter_ZeroAddress"):
            evm.deploy("FeeSplitter", **construction(system, **{name: ZERO}))
    with reverts("FeeSplitter_UnfitTreasury"):
        evm.deploy("FeeSplitter", **construction(system, treasury=system.vault.address))
    with reverts("FeeSplitter_BadShares"):
        evm.deploy("FeeSplitter", **construction(system, treasuryBps=999))
    for currency in (EVE.address, system.token.address):
        with reverts("FeeSplitter_UnfitCurrency", currency=currency):
            evm.deploy("FeeSplitter", **construction(system, currency=currency))
