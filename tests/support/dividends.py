"""Steps of tests about dividends: exact amounts into the vault, the next week, who can claim what."""

from __future__ import annotations

from typing import Final

from tallystick.chain.contracts import load
from tests.support.evm import Account, Bound, account
from tests.support.system import WEEK, System

__all__ = ["EXIT", "big_vault", "claimable", "next_week", "pull"]

EXIT: Final = 604_800  # seconds
_ANYBODY: Final = account("eve")


def pull(system: System, dividends: int) -> None:
    """Brings exactly this many µ of dividends into the vault (90 % of what is accrued)."""
    system.splitter.transact("setShares", 9_000, 500, 500, sender=system.admin)
    before = system.splitter.call("creditOf", system.vault.address)
    missing = dividends - before
    assert missing >= 0
    # Cumulative floors since the shares were set: the least fees of which dividends get `missing`.
    near = missing * 10 // 9
    fees = next(f for f in range(max(0, near - 20), near + 20) if f - 2 * (f * 500 // 10_000) == missing)
    system.accrue_fees(fees)
    assert system.vault.transact("pullFees", sender=_ANYBODY).result == dividends


def next_week(system: System, seconds: int = 0) -> int:
    """Goes so many seconds into the next week."""
    return system.evm.warp_to((system.evm.now // WEEK + 1) * WEEK + seconds)


def claimable(system: System, *stakers: Account) -> list[int]:
    return [system.vault.call("claimable", staker.address) for staker in stakers]


def big_vault(system: System) -> tuple[Bound, Bound]:
    """A second vault beside the first, whose staked token has no cap; MockEscrow pays neither."""
    token = system.evm.deploy("TestDollar", _ANYBODY.address)
    splitter_arguments = {
        "authority": system.authority.address,
        "currency": system.currency.address,
        "escrow": system.escrow.address,
        "insurancePool": system.insurance.address,
        "treasury": system.treasury.address,
        "dividendsBps": 9_000,
        "insuranceBps": 500,
        "treasuryBps": 500,
    }
    directory = system.evm.deploy("Directory", _ANYBODY.address)
    escrow, splitter, vault = (directory.call("addressOf", index) for index in (1, 2, 3))
    plan = (
        (
            "MockEscrow",
            {"currency": system.currency.address, "staking": system.staking.address, "feeSplitter": splitter},
        ),
        ("FeeSplitter", splitter_arguments | {"escrow": escrow, "dividendVault": vault}),
        (
            "DividendVault",
            {
                "currency": system.currency.address,
                "token": token.address,
                "feeSplitter": splitter,
                "exitDelay": EXIT,
            },
        ),
    )
    for index, (name, values) in enumerate(plan, 1):
        code = load(name).init_code(values)
        directory.transact("deploy", name.encode().ljust(32, b"\0"), index, code, sender=_ANYBODY)
    system.escrow = system.evm.at("MockEscrow", escrow)
    return system.evm.at("DividendVault", vault), token
