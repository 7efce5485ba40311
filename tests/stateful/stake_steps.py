"""Every function of `Staking`, once, on both worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tallystick.protocol.enums import BondSource, KeyKind
from tallystick.protocol.model import SlashOrder
from tests.stateful.worlds import Worlds
from tests.support.evm import Account


class StakeSteps(Worlds):
    """Stake, keys, sources, consents; and the doors that only the Escrow and the ledger may use."""

    # Staking

    def register(self, caller: Account, roles: int, hardware: int, source: int = 0) -> int | None:
        s, m = self.system, self.model
        number = self.same(
            "Staking.register",
            s.staking,
            (roles, hardware, 276, source, b"\0" * 32),
            caller,
            lambda: m.staking.register(
                roles,
                hardware,  # type: ignore[arg-type]
                276,
                source,
                caller=caller.address,
            ),
        )
        return None if number is None else int(number)

    def stake(self, caller: Account, operator: int, amount: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.stake",
            s.staking,
            (operator, amount),
            caller,
            lambda: m.staking.stake(operator, amount, caller=caller.address),
        )

    def unstake(self, caller: Account, operator: int, amount: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.unstake",
            s.staking,
            (operator, amount),
            caller,
            lambda: m.staking.unstake(operator, amount, caller=caller.address, now=self.now),
        )

    def cancel_thaw(self, caller: Account, operator: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.cancelThaw",
            s.staking,
            (operator,),
            caller,
            lambda: m.staking.cancel_thaw(operator, caller=caller.address),
        )

    def withdraw_stake(self, caller: Account, operator: int, to: str) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.withdraw",
            s.staking,
            (operator, to),
            caller,
            lambda: m.staking.withdraw(operator, to, caller=caller.address, now=self.now),
        )

    def claim_credit(self, caller: Account, to: str) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.claimCredit",
            s.staking,
            (to,),
            caller,
            lambda: m.staking.claim_credit(to, caller=caller.address),
        )

    def set_key(self, caller: Account, operator: int, kind: KeyKind, key: str, revoke: bool) -> None:
        s, m = self.system, self.model
        function = m.staking.revoke_key if revoke else m.staking.authorise_key
        self.both(
            f"Staking.{'revokeKey' if revoke else 'authoriseKey'}",
            s.staking,
            (operator, int(kind), key),
            caller,
            lambda: function(operator, kind, key, caller=caller.address, now=self.now),
        )

    def set_threshold(self, caller: Account, operator: int, threshold: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.setSignerThreshold",
            s.staking,
            (operator, threshold),
            caller,
            lambda: m.staking.set_signer_threshold(operator, threshold, caller=caller.address),
        )

    def pledge_directly(self, caller: Account, operator: int, amount: int, release: bool) -> None:
        """Somebody who is not the Escrow tries Staking's inner doors."""
        s, m = self.system, self.model
        function = m.staking.release if release else m.staking.try_pledge
        self.both(
            f"Staking.{'release' if release else 'tryPledge'}",
            s.staking,
            (operator, amount),
            caller,
            lambda: function(operator, amount, caller=caller.address),
        )

    def reserve_directly(self, caller: Account, operator: int, amount: int, door: str) -> None:
        """Somebody who is not the ledger, nor the Escrow, tries the doors of reservations and slashes."""
        s, m = self.system, self.model.staking
        order = SlashOrder(operator, amount=amount)
        doors: dict[str, tuple[tuple[Any, ...], Callable[[], Any]]] = {
            "tryReserve": (
                (operator, amount),
                lambda: m.try_reserve(operator, amount, caller=caller.address),
            ),
            "unreserve": (
                (operator, amount),
                lambda: m.unreserve(operator, amount, caller=caller.address),
            ),
            "forfeit": (
                (operator, amount, caller.address),
                lambda: m.forfeit(operator, amount, caller.address, caller=caller.address),
            ),
            "takeBond": (
                (operator, amount, amount, caller.address),
                lambda: m.take_bond(operator, amount, amount, caller.address, caller=caller.address),
            ),
            "returnBond": (
                (operator, amount, 1),
                lambda: m.return_bond(operator, amount, BondSource.FREE, caller=caller.address),
            ),
            "slashPledge": (
                (tuple(order), amount, 0),
                lambda: m.slash_pledge(order, amount, 0, caller=caller.address),
            ),
        }
        values, model = doors[door]
        self.both(f"Staking.{door}", s.staking, values, caller, model)

    # Registry

    def authorise_keys(self, caller: Account, operator: int, kind: KeyKind, keys: list[str]) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.authoriseKeys",
            s.staking,
            (operator, int(kind), keys),
            caller,
            lambda: m.staking.authorise_keys(operator, kind, keys, caller=caller.address, now=self.now),
        )

    def resign(self, caller: Account, operator: int) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.resign",
            s.staking,
            (operator,),
            caller,
            lambda: m.staking.resign(operator, caller=caller.address, now=self.now),
        )

    def consent(self, caller: Account, operator: int, number: int, allowed: bool) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.setReleaseConsent",
            s.staking,
            (operator, number, allowed),
            caller,
            lambda: m.staking.set_release_consent(operator, number, allowed, caller=caller.address),
        )

    def register_source(self, caller: Account, recipient: str) -> None:
        s, m = self.system, self.model
        self.same(
            "Staking.registerSource",
            s.staking,
            (recipient, b"\5" * 32),
            caller,
            lambda: m.staking.register_source(recipient, b"\5" * 32, caller=caller.address),
        )

    def set_source(self, caller: Account, source: int, recipient: str) -> None:
        s, m = self.system, self.model
        self.both(
            "Staking.setSourceRecipient",
            s.staking,
            (source, recipient),
            caller,
            lambda: m.staking.set_source_recipient(source, recipient, caller=caller.address),
        )

    def recover(self, caller: Account, part: str, to: str, tally: bool) -> None:
        """Donations leave Escrow or Staking."""
        s, m = self.system, self.model
        contract = s.escrow if part == "Escrow" else s.staking
        side = m.escrow if part == "Escrow" else m.staking
        token, book = (s.token, m.token) if tally else (s.currency, m.currency)
        self.same(
            f"{part}.recoverSurplus",
            contract,
            (token.address, to),
            caller,
            lambda: side.recover_surplus(book, to, caller=caller.address),
        )
