"""Agreements that change: leases by the clock, top-ups, replacements, early refunds, the Court, pauses."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tallystick.protocol.enums import CredentialKind
from tallystick.protocol.model import SignedCredential
from tests.stateful.draws import (
    DAY,
    accounts,
    device_of,
    honest_offer,
    honest_receipt,
    mostly,
    operator_owner,
    owner_of,
    people,
)
from tests.stateful.rules import Rules
from tests.stateful.trust_steps import ISSUER
from tests.support.evm import Account, account


class ChangeRules(Rules):
    """Between opening and ending."""

    # Leases

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people, days=st.integers(0, 4))
    def poke(self, data: st.DataObject, person: Account, days: int) -> None:
        self.twin.warp(days * DAY)
        numbers = data.draw(st.lists(st.sampled_from([*self.twin.agreements[-8:], 7]), max_size=5))
        self.twin.poke(person, numbers)

    @rule(
        data=st.data(),
        policy=st.sampled_from([1, 2, 3, 4, 5]),
        price=st.sampled_from([19, 1_000_000, 100_000_000]),
        served=st.sampled_from([10, 1_000, DAY, 3 * DAY]),
        ends=st.sampled_from(["runs", "provider stops", "customer closes", "refund", "early"]),
    )
    def lease(self, data: st.DataObject, policy: int, price: int, served: int, ends: str) -> None:
        """A lease lives: it begins, is down for a while, is paid by the clock, and ends one way or the other."""
        twin = self.twin
        number = self.opened(data, mode=1, policy=policy, unit_price=price, start=twin.now)
        if number is None:
            return
        found = self.found(number)
        provider, customer = operator_owner(twin, found.operator), owner_of(twin, found.customer)
        if found.waits_to_begin:
            self._attest(number)
            twin.begin(provider, number, device_of(found.operator).address)
        twin.warp(served)
        twin.runway(found.funder, [number])
        twin.report_downtime(account("ann"), [honest_receipt(twin, data, number, accepted=False)])
        if ends == "provider stops":
            twin.close(provider, number)
        elif ends == "customer closes":
            twin.close(customer, number)
        twin.warp(data.draw(st.sampled_from([3 * DAY - 1, 3 * DAY, 4 * DAY])))
        twin.poke(account("ben"), [number])
        if ends == "refund":
            twin.warp(max(0, twin.model.escrow.refundable_at(number) - twin.now))
            twin.refund(account("mallory"), number)
        elif ends == "early":
            twin.close(provider, number)
            twin.refund_early(customer, number, twin.now, provider)

    def _attest(self, number: int) -> None:
        """The issuer attests the device of the agreement's operator for this very agreement."""
        device = device_of(self.found(number).operator).address
        nonce = self.twin.model.escrow.sequence
        statement = SignedCredential(
            ISSUER.address,
            CredentialKind.TEE,
            device,
            number.to_bytes(32, "big"),
            b"\6" * 32,
            self.twin.now + 30 * DAY,
            nonce,
        )
        self.twin.post_credentials(account("relay"), [(statement, ISSUER)])

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), owner=mostly, person=people, attested=mostly)
    def begin(self, data: st.DataObject, owner: bool, person: Account, attested: bool) -> None:
        number = data.draw(st.sampled_from([*self.running(waiting=True)[-3:], self.agreement(data)]))
        found = self.twin.model.escrow.agreements.get(number)
        operator = found.operator if found else 1
        if attested and found is not None:
            self._attest(number)
        caller = operator_owner(self.twin, operator) if owner else person
        self.twin.begin(caller, number, device_of(operator).address)

    @rule(data=st.data(), number=accounts)
    def runway(self, data: st.DataObject, number: int) -> None:
        self.twin.runway(number, [*self.running()[-6:], 5 << 32])

    # Top-ups and replacements

    @precondition(lambda self: self.twin.agreements)
    @rule(
        data=st.data(),
        owner=mostly,
        person=people,
        good=mostly,
        more=st.sampled_from([0, 1, 1, 1_000, 10**6, 2**56]),
        signed=st.booleans(),
        late=st.sampled_from([0, 0, 0, 1]),
    )
    def top_up(
        self,
        data: st.DataObject,
        owner: bool,
        person: Account,
        good: bool,
        more: int,
        signed: bool,
        late: int,
    ) -> None:
        number = data.draw(st.sampled_from([*self.running()[-4:], self.agreement(data)]))
        found = self.twin.model.escrow.agreements.get(number)
        if found is None:
            self.twin.top_up_signed(person, number, 1, self.twin.now, person)
            return
        caller = owner_of(self.twin, found.funder) if owner else person
        budget = min(found.budget + more, 2**56 - 1)
        operator = operator_owner(self.twin, found.operator) if good else data.draw(people)
        if signed:
            self.twin.top_up_signed(caller, number, budget, self.twin.now - late, operator)
            return
        others = data.draw(st.sampled_from([number, number, number, self.twin.agreements[-1]]))
        signers = [owner_of(self.twin, found.customer), operator]
        self.twin.top_up(caller, number, budget, self.twin.terms[others], signers)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), caller=people, good=mostly, same=mostly, share=st.integers(0, 11))
    def replace(self, data: st.DataObject, caller: Account, good: bool, same: bool, share: int) -> None:
        old = data.draw(st.sampled_from([*self.running()[-4:], self.agreement(data)]))
        found = self.twin.model.escrow.agreements.get(old)
        parties = {"customer": found.customer, "funder": found.funder} if found and same else {}
        terms, _, _ = honest_offer(self.twin, data, **parties)
        units = 1_000
        if found is not None:
            whole = (
                found.elapsed(self.twin.now) if found.is_lease else found.budget * 10**6 // found.unit_price
            )
            units = min(whole * share // 10, 2**80 - 1)
        signers: list[Account | None] = [
            owner_of(self.twin, found.customer if found else 0),
            owner_of(self.twin, found.funder if found else 0),
            operator_owner(self.twin, found.operator if found else 0),
            operator_owner(self.twin, terms.operator),
        ]
        if not good:
            signers[data.draw(st.integers(0, 3))] = data.draw(st.one_of(st.none(), people))
        self.twin.replace(caller, old, units, terms, signers)

    # Endings

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), caller=people, good=mostly, late=st.sampled_from([0, 0, 1]), wait=mostly)
    def refund_early(self, data: st.DataObject, caller: Account, good: bool, late: int, wait: bool) -> None:
        number = self.agreement(data)
        found = self.twin.model.escrow.agreements.get(number)
        if wait and found is not None:
            self.twin.warp(min(40 * DAY, max(0, found.ends_at - self.twin.now)))
        owner = operator_owner(self.twin, found.operator) if found and good else data.draw(people)
        self.twin.refund_early(caller, number, self.twin.now - late, owner)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people, days=st.sampled_from([0, 5, 20]))
    def refund_many(self, data: st.DataObject, person: Account, days: int) -> None:
        self.twin.warp(days * DAY)
        numbers = data.draw(st.lists(st.sampled_from([*self.twin.agreements[-10:], 7]), max_size=8))
        self.twin.refund_many(person, numbers)

    # Pauses

    @rule(
        admin=mostly,
        person=people,
        part=st.sampled_from(["Escrow", "ReceiptLedger"]),
        duration=st.sampled_from([0, 1, DAY, 3 * DAY, 3 * DAY + 1, None, None]),
    )
    def pause(self, admin: bool, person: Account, part: str, duration: int | None) -> None:
        self.twin.pause(self.twin.system.admin if admin else person, part, duration)
