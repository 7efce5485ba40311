"""Stake, keys, sources, and doors that are not for everybody."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tallystick.protocol.enums import KeyKind
from tests.stateful.draws import (
    KEYS,
    accounts,
    amounts,
    kinds,
    mostly,
    operator_owner,
    operators,
    people,
    receivers,
)
from tests.stateful.rules import Rules
from tests.support.evm import Account

RESERVES = ["tryReserve", "unreserve", "forfeit", "takeBond", "returnBond", "slashPledge"]
LEDGERS = ["settleSigned", "setDowntime", "settleRelease", "finaliseRelease", "raiseRefundFloor"]


class StakeRules(Rules):
    """Operators and who would like to be one."""

    # Staking

    @rule(person=people, operator=operators, amount=amounts)
    def stake(self, person: Account, operator: int, amount: int) -> None:
        self.twin.stake(person, operator, amount)

    @rule(owner=mostly, person=people, operator=operators, amount=amounts)
    def unstake(self, owner: bool, person: Account, operator: int, amount: int) -> None:
        self.twin.unstake(operator_owner(self.twin, operator) if owner else person, operator, amount)

    @rule(owner=mostly, person=people, operator=operators)
    def cancel_thaw(self, owner: bool, person: Account, operator: int) -> None:
        self.twin.cancel_thaw(operator_owner(self.twin, operator) if owner else person, operator)

    @rule(owner=mostly, person=people, operator=operators, to=receivers)
    def withdraw_stake(self, owner: bool, person: Account, operator: int, to: str) -> None:
        self.twin.withdraw_stake(operator_owner(self.twin, operator) if owner else person, operator, to)

    @rule(person=people, to=receivers)
    def claim_credit(self, person: Account, to: str) -> None:
        self.twin.claim_credit(person, to)

    @rule(data=st.data(), person=people, operator=operators, amount=amounts)
    def rattle_a_door(self, data: st.DataObject, person: Account, operator: int, amount: int) -> None:
        """What hardly ever goes well: inner doors, other people's keys, releases that are not stuck."""
        twin, flag = self.twin, data.draw(st.booleans())
        doors = {
            "pledge": lambda: twin.pledge_directly(person, operator, amount, release=flag),
            "settle": lambda: twin.settle_directly(
                person, 1, (1 << 32).to_bytes(8, "big") + amount.to_bytes(10, "big")
            ),
            "release": lambda: twin.retry_release(person, self.agreement(data)),
            "key": lambda: twin.set_key(
                data.draw(st.sampled_from([person, operator_owner(self.twin, operator)])),
                operator,
                data.draw(st.sampled_from(list(KeyKind))),
                data.draw(people).address,
                revoke=flag,
            ),
            "threshold": lambda: twin.set_threshold(person, operator, amount % 3),
            "register": lambda: self._register(person, amount % 9, amount % 5),
            "reserves": lambda: twin.reserve_directly(
                person, operator, amount, data.draw(st.sampled_from(RESERVES))
            ),
            "ledger's": lambda: twin.rattle_ledger_door(
                person, self.agreement(data), amount, data.draw(st.sampled_from(LEDGERS))
            ),
            "session": lambda: twin.spend_directly(person, operator, KEYS[0].address, amount),
        }
        doors[data.draw(st.sampled_from(sorted(doors)))]()

    def _register(self, person: Account, roles: int, hardware: int) -> None:
        if len(self.twin.model.staking.operators) < 8:
            self.twin.register(person, roles, hardware, source=roles // 2)

    @rule(owner=mostly, person=people, operator=operators, number=accounts, allowed=mostly)
    def consent(self, owner: bool, person: Account, operator: int, number: int, allowed: bool) -> None:
        caller = operator_owner(self.twin, operator) if owner else person
        self.twin.consent(caller, operator, number, allowed)

    @rule(person=people, to=receivers, source=st.integers(0, 3), new=st.booleans())
    def sources(self, person: Account, to: str, source: int, new: bool) -> None:
        if new and len(self.twin.model.staking.sources) < 3:
            self.twin.register_source(person, to)
        else:
            self.twin.set_source(person, source, to)

    @rule(person=people, owner=mostly, operator=operators, kind=kinds, keys=st.lists(receivers, max_size=2))
    def authorise_keys(
        self, person: Account, owner: bool, operator: int, kind: KeyKind, keys: list[str]
    ) -> None:
        caller = operator_owner(self.twin, operator) if owner else person
        self.twin.authorise_keys(caller, operator, kind, keys)

    @rule(person=people, operator=st.sampled_from([0, 1, 2, 5, 6, 7, 8]), stays=mostly)
    def resign(self, person: Account, operator: int, stays: bool) -> None:
        """Mostly by somebody who may not; the market's own operators hardly ever leave."""
        leaves = operator > 4 or (operator == 2 and not stays)
        self.twin.resign(operator_owner(self.twin, operator) if leaves else person, operator)

    @rule(
        admin=mostly,
        person=people,
        part=st.sampled_from(["Escrow", "Staking"]),
        to=receivers,
        tally=st.booleans(),
    )
    def recover(self, admin: bool, person: Account, part: str, to: str, tally: bool) -> None:
        self.twin.recover(self.twin.system.admin if admin else person, part, to, tally)
