"""Wallets of a token: the currency (with its issuer's pause and blacklist) and TALLY."""

from __future__ import annotations

from typing import Final

from ..constants import TALLY_CAP
from ..errors import Refused

Address = str
"""Any text that names a wallet or a contract; compared as it is, so spell one address one way."""
ZERO_ADDRESS: Final[Address] = "0x" + "0" * 40


class Token:
    """Balances in the smallest unit. Approvals are not modelled: every holder has approved the contracts.

    `unbooked` counts what reached an address outside its contract's books (gifts by plain transfer), so that
    the invariants can demand equality instead of "at least".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.balances: dict[Address, int] = {}
        self.unbooked: dict[Address, int] = {}
        self.supply = 0

    def balance_of(self, holder: Address) -> int:
        """Balance of `holder`."""
        return self.balances.get(holder, 0)

    def transfer(self, to: Address, amount: int, *, caller: Address) -> None:
        """A plain transfer by the holder."""
        self.move(caller, to, amount)

    def check_move(self, holder: Address, to: Address, amount: int) -> None:
        """Raises what `move` would raise, and changes nothing."""
        if to == ZERO_ADDRESS:
            raise Refused("ERC20InvalidReceiver", f"{self.name} cannot be sent to the zero address.")
        held = self.balance_of(holder)
        if held < amount:
            raise Refused("ERC20InsufficientBalance", f"{holder} holds {held} of {self.name}, not {amount}.")

    def move(self, holder: Address, to: Address, amount: int, *, booked: bool = False) -> None:
        """Moves `amount`; `booked`: the contract at `to` enters it in its books in the same call."""
        self.check_move(holder, to, amount)
        self.balances[holder] = self.balance_of(holder) - amount
        self._receive(to, amount, booked=booked)

    def recover(self, holder: Address, to: Address, owed: int) -> int:
        """A contract sends what it holds above `owed` to `to`; returns how much."""
        amount = self.balance_of(holder) - owed
        self.move(holder, to, amount)
        self.unbooked[holder] = self.unbooked.get(holder, 0) - amount
        return amount

    def _issue(self, to: Address, amount: int, *, booked: bool = False) -> None:
        self._check_receiver(to)
        self.supply += amount
        self._receive(to, amount, booked=booked)

    def _check_receiver(self, to: Address) -> None:
        if to == ZERO_ADDRESS:
            raise Refused("ERC20InvalidReceiver", f"{self.name} cannot be minted to the zero address.")

    def _receive(self, to: Address, amount: int, *, booked: bool) -> None:
        self.balances[to] = self.balance_of(to) + amount
        if not booked:
            self.unbooked[to] = self.unbooked.get(to, 0) + amount


class Currency(Token):
    """The stablecoin as the contracts meet it, with what its issuer can do (`TestDollar.sol`)."""

    def __init__(self, name: str = "tUSD") -> None:
        super().__init__(name)
        self.paused = False
        self.blacklisted: set[Address] = set()
        self.authorisations: set[tuple[Address, object]] = set()

    def mint(self, to: Address, amount: int) -> None:
        """Makes `amount` µ out of nothing, as anyone may on a test network."""
        self._check_listed(to)
        self._issue(to, amount)

    def blacklist(self, holder: Address, blacklisted: bool = True) -> None:
        """Bars `holder` from sending and receiving, or lets it again."""
        (self.blacklisted.add if blacklisted else self.blacklisted.discard)(holder)

    def set_paused(self, paused: bool) -> None:
        """Stops every transfer, or lets them again."""
        self.paused = paused

    def check_move(self, holder: Address, to: Address, amount: int) -> None:
        """Raises what `move` would raise, and changes nothing."""
        if self.paused:
            raise Refused("TestDollar_Paused", "The currency is paused by its issuer.")
        if to != ZERO_ADDRESS:
            self._check_listed(to)
        if holder in self.blacklisted and to != ZERO_ADDRESS:
            self._check_listed(holder)
        super().check_move(holder, to, amount)

    def authorised_move(
        self,
        holder: Address,
        to: Address,
        amount: int,
        nonce: object,
        validity: tuple[int, int],
        signed: bool,
        *,
        now: int,
    ) -> None:
        """ERC-3009 `receiveWithAuthorization`, called by `to`, which books it. `validity`: (after, before)."""
        after, before = validity
        if not after < now < before:
            raise Refused("TestDollar_AuthorizationOutOfTime", f"Good after {after} and before {before}.")
        if (holder, nonce) in self.authorisations:
            raise Refused("TestDollar_AuthorizationUsed", f"{holder} authorised it once.")
        if not signed:
            raise Refused("TestDollar_WrongSigner", f"{holder} did not sign.")
        self.move(holder, to, amount, booked=True)
        self.authorisations.add((holder, nonce))

    def _check_listed(self, holder: Address) -> None:
        if holder in self.blacklisted:
            raise Refused("TestDollar_Blacklisted", f"{holder} is blacklisted by the currency's issuer.")


class Tally(Token):
    """The token: minted by one minter, up to a cap. On a test network anybody gets some."""

    def __init__(self, minter: Address, cap: int = TALLY_CAP) -> None:
        super().__init__("TALLY")
        self.minter = minter
        self.cap = cap
        self.dripped = 0
        """TALLY-wei that did not come from the minter."""

    def mint(self, to: Address, amount: int, *, caller: Address, booked: bool = False) -> None:
        """Mints `amount` TALLY-wei. Minter only, within the cap. `booked`: as in `move`."""
        self.check_mint(to, amount, caller=caller)
        self._issue(to, amount, booked=booked)

    def drip(self, to: Address, amount: int) -> None:
        """Makes `amount` TALLY-wei out of nothing within the cap, as anyone may on a test network."""
        self._check_cap(amount)
        self._issue(to, amount)
        self.dripped += amount

    def check_mint(self, to: Address, amount: int, *, caller: Address) -> None:
        """Raises what `mint` would raise, and changes nothing."""
        if caller != self.minter:
            raise Refused("TallyToken_NotMinter", f"{caller} is not the minter.")
        self._check_cap(amount)
        self._check_receiver(to)

    def _check_cap(self, amount: int) -> None:
        if amount > self.cap - self.supply:
            raise Refused(
                "TallyToken_CapExceeded", f"{self.supply} + {amount} is above the cap of {self.cap}."
            )
