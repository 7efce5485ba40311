"""What the proofs of B01 to B14 are made of: code put in another's place, an oracle of the dividends in fractions, the
token of networks that are not local."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Final

import pyrevm

from tallystick.chain.contracts import load
from tallystick.protocol.hashing import keccak256
from tests.support import callgraph
from tests.support.escrow import MALLORY
from tests.support.evm import Bound, Evm, Snapshot
from tests.support.system import WEEK, System, deploy_system

__all__ = ["Exact", "bring_dividends", "etch", "mocked", "tally_and_rewards", "token_selectors"]

FOREIGN: Final = (
    "swap(uint256,uint256,address,bytes)", "swap(address,bool,int256,uint160,bytes)",
    "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
    "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))",
    "burn(uint256)", "burn(address,uint256)", "burnFrom(address,uint256)", "mint(address,uint256)", "mint(uint256)",
)  # fmt: skip
"""What would turn one kind of money into the other."""


def token_selectors() -> dict[str, bytes]:
    """Every function that only the token's contracts have, and FOREIGN."""

    def changing(names: tuple[str, ...]) -> dict[str, bytes]:
        every = [one for name in names for one in load(name).functions.values()]
        return {one.signature: one.selector for one in every if one.mutability not in ("view", "pure")}

    ours = changing(callgraph.PAYMENTS) | changing(("TestDollar",))
    wanted = {name: code for name, code in changing(callgraph.TOKEN_SIDE).items() if name not in ours}
    return wanted | {name: keccak256(name.encode())[:4] for name in FOREIGN}


def etch(evm: Evm, address: str, code: bytes) -> None:
    """Puts code where other code is; storage stays. Not undone by going back to a snapshot: fresh chains only."""
    evm._revm.insert_account_info(address, pyrevm.AccountInfo(nonce=1, code=code))


def bring_dividends(system: System, dividends: int) -> None:
    """Has µ of dividends pulled into the vault, 70 % of fees that MockEscrow accrues."""
    fees, rest = divmod(dividends * 10, 7)
    assert (rest, fees % 10) == (0, 0)
    system.accrue_fees(fees)
    assert system.vault.transact("pullFees", sender=MALLORY).result == dividends


def mocked() -> tuple[System, Bound]:
    """The system with fees that a test accrues, as it was made, and its vault."""
    system, snapshot = _mocked()
    system.evm.revert(snapshot)
    return system, system.vault


@cache
def _mocked() -> tuple[System, Snapshot]:
    system = deploy_system(escrow="MockEscrow")
    return system, system.evm.snapshot()


def tally_and_rewards(system: System) -> tuple[Bound, Bound]:
    """The token of networks that are not local, and the SupplierRewards that alone mints it; a vault goes with them."""
    evm, ours = system.evm, system.parameters
    token = evm.deploy("TallyToken", evm.next_address(2))
    money = system.currency.address
    vault = evm.deploy("DividendVault", money, token.address, system.splitter.address, ours.exit_delay)
    rewards = evm.deploy(
        "SupplierRewards",
        p={
            "authority": system.authority.address,
            "escrow": system.escrow.address,
            "token": token.address,
            "dividendVault": vault.address,
            "rate": ours.reward_rate,
            "halving": ours.reward_halving,
            "dailyFees": ours.reward_daily_fees,
            "vesting": ours.reward_vesting,
        },
    )
    return token, rewards


class Exact:
    """The stream in fractions: floor(S x t / 604 800) has streamed t seconds into a week of S, shared by stakes."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.this_week = self.next_week = 0
        self.stakes = [0, 0, 0]
        self.earned = [Fraction(0)] * 3

    def fees(self, amount: int) -> None:
        self.next_week += amount

    def advance(self, time: int) -> None:
        while self.now < time:
            until = min(time, (self.now // WEEK + 1) * WEEK)
            start, end = self.now % WEEK, until - self.now // WEEK * WEEK
            amount = self.this_week * end // WEEK - self.this_week * start // WEEK
            if staked := sum(self.stakes):
                self.earned = [
                    had + Fraction(amount * stake, staked)
                    for had, stake in zip(self.earned, self.stakes, strict=True)
                ]
            else:
                self.next_week += amount
            if until % WEEK == 0:
                self.this_week, self.next_week = self.next_week, 0
            self.now = until

    def ahead(self) -> int:
        """µ that have yet to stream."""
        return self.this_week - self.this_week * (self.now % WEEK) // WEEK + self.next_week
