"""TallyToken: one minter, one cap, nobody else."""

from __future__ import annotations

import pytest

from tallystick.chain.contracts import load
from tests.support.evm import Bound, Evm, account, reverts

MINTER, ALICE, EVE = (account(name) for name in ("minter", "alice", "eve"))
CAP = 100_000_000 * 10**18
ZERO = "0x" + "00" * 20


@pytest.fixture
def token() -> Bound:
    return Evm().deploy("TallyToken", MINTER.address)


def test_construction__is_empty_and_names_its_minter(token: Bound) -> None:
    assert [token.call(name) for name in ("name", "symbol", "decimals")] == ["Tallystick", "TALLY", 18]
    assert (token.call("totalSupply"), token.call("CAP"), token.call("MINTER")) == (0, CAP, MINTER.address)
    with reverts("TallyToken_ZeroAddress"):
        Evm().deploy("TallyToken", ZERO)


def test_mint__by_the_minter__up_to_the_cap_and_not_beyond(token: Bound) -> None:
    token.transact("mint", ALICE.address, CAP - 1, sender=MINTER)
    for amount in (2, 2**256 - 1):
        with reverts("TallyToken_CapExceeded", supply=CAP - 1, cap=CAP):
            token.transact("mint", ALICE.address, amount, sender=MINTER)
    token.transact("mint", ALICE.address, 1, sender=MINTER)
    assert (token.call("totalSupply"), token.call("balanceOf", ALICE.address)) == (CAP, CAP)
    with reverts("TallyToken_CapExceeded"):
        token.transact("mint", ALICE.address, 1, sender=MINTER)


def test_mint__by_another__is_refused(token: Bound) -> None:
    for caller in (ALICE, EVE):
        with reverts("TallyToken_NotMinter", caller=caller.address):
            token.transact("mint", caller.address, 0, sender=caller)


def test_abi__has_no_way_to_mint_burn_pause_or_own_but_one() -> None:
    writes = {f.name for f in load("TallyToken").functions.values() if f.mutability not in ("view", "pure")}
    assert writes == {"approve", "mint", "permit", "transfer", "transferFrom"}


def test_test_tally__drips_to_anyone_up_to_the_cap_and_has_one_minter() -> None:
    token = Evm().deploy("TestTally", MINTER.address)
    token.transact("drip", ALICE.address, 5, sender=EVE)
    token.transact("mint", ALICE.address, CAP - 6, sender=MINTER)
    assert token.call("balanceOf", ALICE.address) == CAP - 1
    with reverts("TallyToken_CapExceeded", supply=CAP - 1, cap=CAP):
        token.transact("drip", EVE.address, 2, sender=EVE)
    with reverts("TallyToken_NotMinter", caller=EVE.address):
        token.transact("mint", EVE.address, 1, sender=EVE)
