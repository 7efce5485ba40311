"""Whole lives, mostly honest, so that deep states come about often; the other rules disturb them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tallystick.protocol.enums import CredentialKind, KeyKind
from tallystick.protocol.model import SignedCredential, SlashOrder
from tests.stateful.draws import (
    DAY,
    device_of,
    honest_offer,
    honest_receipt,
    mostly,
    operator_owner,
    owner_of,
    people,
    receipt,
)
from tests.stateful.rules_justice import JusticeRules
from tests.stateful.trust_steps import ISSUER
from tests.support.evm import Account, account
from tests.support.system import DOLLAR

UNBOUND = bytes(32)


class LifeRules(JusticeRules):
    """From an opening to its end."""

    @rule(data=st.data(), total=st.sampled_from([0, 500, 10**6]), later=st.sampled_from([0, 3_599, 3_600]))
    def session_life(self, data: st.DataObject, total: int, later: int) -> None:
        """A new key is granted, accepts, gets more agreements, is revoked, and accepts a last time or not."""
        twin = self.twin
        customer = data.draw(st.integers(1, 2))
        first, second = (self.opened(data, customer=customer, funder=customer) for _ in range(2))
        if first is None or second is None:
            return
        owner = owner_of(twin, customer)
        key = account(f"key {len(twin.model.session_keys.sessions)}")
        listed = [] if total else [first]
        twin.grant(owner, customer, key.address, twin.now + 5 * DAY, total, listed)
        twin.warp(60)
        for number in (first, second, first):
            item = honest_receipt(twin, data, number, accepted=True)
            item.session = item.customer = key
            twin.collect(account("cleo"), [item, honest_receipt(twin, data, first, accepted=True)])
        twin.list_more(owner, customer, key.address, [second])
        twin.revoke_session(owner, customer, key.address)
        twin.warp(later)
        item = honest_receipt(twin, data, second, accepted=True)
        item.session = item.customer = key
        twin.collect(account("dora"), [item])

    @rule(data=st.data(), mode=st.integers(0, 1), sponsored=st.booleans(), beyond=st.integers(0, 3))
    def topped_up(self, data: st.DataObject, mode: int, sponsored: bool, beyond: int) -> None:
        """The funder adds money by the Terms, then beyond them with the operator's consent; then it ends."""
        twin = self.twin
        customer = data.draw(st.integers(1, 2))
        funder = 5 if sponsored else customer
        budget = data.draw(st.integers(10, 5 * DOLLAR))
        policy = data.draw(st.sampled_from([1, 3] if customer == 1 else [2, 3]))
        number = self.opened(
            data,
            customer=customer,
            funder=funder,
            policy=policy,
            mode=mode,
            budget=budget,
            max_budget=2 * budget,
            unit_price=data.draw(st.sampled_from([1, 19, 1_000_000])),
        )
        if number is None:
            return
        found, terms = self.found(number), twin.terms[number]
        payer, operator = owner_of(twin, funder), operator_owner(twin, found.operator)
        twin.top_up(payer, number, 2 * budget - beyond, terms, [owner_of(twin, customer), operator])
        twin.top_up_signed(payer, number, 2 * budget + beyond, twin.now, operator)
        twin.warp(100)
        twin.collect(account("ann"), [honest_receipt(twin, data, number, accepted=True)])
        twin.close(data.draw(st.sampled_from([operator, owner_of(twin, customer)])), number)
        twin.warp(max(0, min(found.ends_at - twin.now, 20 * DAY)))
        twin.refund_early(operator, number, 0, None)

    @rule(data=st.data(), mode=st.integers(0, 1), served=st.sampled_from([1, 1_000, DAY]), all_sign=mostly)
    def replaced(self, data: st.DataObject, mode: int, served: int, all_sign: bool) -> None:
        """A gang loses a member: the old split is paid for what it delivered, another takes over."""
        twin = self.twin
        customer = data.draw(st.integers(1, 2))
        parties = {"customer": customer, "funder": customer}
        old = self.opened(data, **parties, mode=mode, payee=6, start=twin.now, policy=1)
        if old is None:
            return
        twin.warp(served)
        found = self.found(old)
        whole = found.elapsed(twin.now) if found.is_lease else found.budget * 10**6 // found.unit_price
        budget = data.draw(st.sampled_from([1, 1_000, found.budget]))
        terms, _, operator = honest_offer(
            twin, data, **parties, budget=budget, max_budget=budget, policy=data.draw(st.integers(1, 3))
        )
        signers = [owner_of(twin, customer), None, operator_owner(twin, found.operator), operator]
        if not all_sign:
            signers[data.draw(st.sampled_from([0, 2, 3]))] = None
        twin.replace(account("mallory"), old, whole // 2, terms, signers)

    @rule(data=st.data(), waits=st.booleans(), ends=st.sampled_from(["no", "ruled", "early"]))
    def bonded(self, data: st.DataObject, waits: bool, ends: str) -> None:
        """Dora has little free stake: her pledge lends the bond of her self-posts, and may end before it is back."""
        twin = self.twin
        spare = twin.model.staking.operators[1].free - 1_000 * DOLLAR
        budget = max(5 * DOLLAR, min(spare, 9 * DOLLAR))
        number = self.opened(
            data, customer=1, funder=1, operator=2, payee=4, policy=3, mode=0, budget=budget, max_budget=budget,
            start=twin.now,
        )  # fmt: skip
        if number is None:
            return
        twin.warp(60)
        dora = account("dora")
        before = len(twin.batches)
        items = [honest_receipt(twin, data, number, accepted=True) for _ in range(2)]
        twin.self_post(dora, items)
        if ends == "ruled":
            twin.freeze(self.court, number)
            self.execute(data, number, closes=True)
        elif ends == "early":
            twin.close(dora, number)
            twin.refund_early(dora, number, 0, None)
        if waits:
            twin.warp(3 * DAY)
            for batch in twin.batches[before:]:
                twin.retire_batch(account("mallory"), batch)

    @rule(data=st.data(), person=people, revoked=st.booleans(), share=st.integers(0, 12))
    def sponsored(self, data: st.DataObject, person: Account, revoked: bool, share: int) -> None:
        """Mallory's account pays for Ann's work, is refunded, and takes her word back or not."""
        twin, sponsor = self.twin, account("mallory")
        twin.allow(sponsor, 5, 1, 1, 30 * DOLLAR)
        number = self.opened(
            data, customer=1, funder=5, policy=1, mode=0, budget=9 * DOLLAR, max_budget=9 * DOLLAR
        )
        if number is None:
            return
        if revoked:
            twin.revoke(sponsor, 5, 1, 1)
        found = self.found(number)
        twin.warp(max(60, found.start - twin.now + 1))
        item = honest_receipt(twin, data, number, accepted=True)
        units = found.budget * 10**6 // found.unit_price * share // 10
        item.receipt = item.receipt._replace(units=min(units, 2**80 - 1))
        if data.draw(st.integers(0, 4)) == 0:
            item.funder = None
        twin.collect(person, [item])
        twin.close(operator_owner(twin, found.operator), number)
        twin.warp(6 * DAY)
        twin.refund(person, number)

    @rule(data=st.data(), days=st.integers(1, 40))
    def permissioned(self, data: st.DataObject, days: int) -> None:
        """The issuer states all that policy 5 asks for, and an agreement opens under it."""
        twin = self.twin
        customer, operator = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
        statements = [
            (owner_of(twin, customer), CredentialKind.KYC_CUSTOMER, 7),
            (operator_owner(twin, operator), CredentialKind.HARDWARE_CLASS, operator),
            (operator_owner(twin, operator), CredentialKind.REGION, 276),
        ]
        items = []
        for subject, kind, value in statements:
            nonce = twin.model.credentials.record_of(ISSUER.address, kind, subject.address).nonce + 1
            stated = value.to_bytes(32, "big")
            expires = twin.now + days * DAY
            items.append(
                SignedCredential(ISSUER.address, kind, subject.address, UNBOUND, stated, expires, nonce)
            )
        twin.post_credentials(account("relay"), [(item, ISSUER) for item in items])
        self.opened(data, customer=customer, funder=customer, operator=operator, payee=6, policy=5)

    @rule(data=st.data(), policy=st.sampled_from([1, 3]), answered=st.booleans(), late=st.booleans())
    def made_good(self, data: st.DataObject, policy: int, answered: bool, late: bool) -> None:
        """Released work whose batch the guardian cancels: somebody answers for it, or the funder is made good."""
        twin = self.twin
        number = self.opened(
            data, customer=1, funder=1, operator=1, policy=policy, mode=0, start=twin.now, budget=DOLLAR,
            max_budget=DOLLAR, unit_price=1_000_000,
        )  # fmt: skip
        if number is None:
            return
        twin.warp(60)
        batch = self.post(data, policy, only=number)
        if batch is None:
            return
        twin.release(account("cleo"), [(batch, 0, 0)])
        twin.cancel(twin.system.admin, batch.number)
        if answered:
            answer = honest_receipt(twin, data, number, accepted=True)
            units = int.from_bytes(batch.figure(0)[8:], "big")
            answer.receipt = answer.receipt._replace(units=units)
            twin.answer_release(account("ben"), batch.number, 0, answer)
        twin.warp(21_600 if late else 0)
        twin.make_good(account("ann"), batch.number, 0)
        twin.finalise(account("ann"), batch.number, [0])

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), policy=st.integers(1, 5))
    def post_mixed(self, data: st.DataObject, policy: int) -> None:
        """The relayer posts figures of any agreements under any policy, and settles leaf by leaf."""
        numbers = sorted({*self.twin.agreements[-5:], 7 << 32})
        batch = self.post_figures(policy, [(number, data.draw(st.integers(0, 10**7))) for number in numbers])
        if batch is not None:
            self.twin.release(account("cleo"), [(batch, leaf, leaf) for leaf in range(batch.leaves)])
            self.twin.warp(DAY)
            for leaf in range(batch.leaves):
                self.twin.settle_one(account("ann"), batch, leaf, leaf)

    @rule(data=st.data(), person=people, policy=st.integers(1, 5))
    def silence(self, data: st.DataObject, person: Account, policy: int) -> None:
        """The relayer is silent; somebody posts good receipts and bad ones."""
        twin = self.twin
        numbers = sorted(filter(None, (self.opened(data, policy=policy, start=twin.now) for _ in range(2))))
        twin.warp(max(60, twin.model.ledger.silent_at(policy) - twin.now))
        items = [honest_receipt(twin, data, number, data.draw(st.booleans())) for number in numbers]
        items += [receipt(twin, data, self.agreement(data)) for _ in range(2)]
        twin.post_signed(person, policy, items)

    @rule(person=people, amount=st.integers(1, 1_000), tally=st.booleans(), to=people)
    def donation(self, person: Account, amount: int, tally: bool, to: Account) -> None:
        """What was given by plain transfer is recovered, and not a µ more."""
        twin = self.twin
        for part, contract in (("Escrow", twin.system.escrow), ("Staking", twin.system.staking)):
            if not tally:
                twin.gift(person, contract.address, amount)
            twin.recover(twin.system.admin, part, to.address, tally)

    @rule(operator=st.integers(1, 4), amount=st.integers(1, 9 * DOLLAR), victim=people)
    def slashed(self, operator: int, amount: int, victim: Account) -> None:
        """A victim and a challenger take what a slash credited to them."""
        twin, ben = self.twin, account("ben")
        order = SlashOrder(
            operator,
            amount=amount,
            victim=victim.address,
            loss=amount // 2,
            challenger=ben.address,
            reward_bps=1_000,
        )
        twin.slash(self.challenges, order)
        for person in (victim, ben):
            twin.claim_credit(person, person.address)

    @rule(data=st.data(), operator=st.integers(1, 4), kind=st.sampled_from(list(KeyKind)), wait=st.booleans())
    def rotate(self, data: st.DataObject, operator: int, kind: KeyKind, wait: bool) -> None:
        """A new key comes; an old one of these goes, and hardly ever the one that everything stands on."""
        twin, owner = self.twin, operator_owner(self.twin, operator)
        old, new = (account(f"{kind.name} {operator} {twin.now - back}") for back in (1, 0))
        twin.set_key(owner, operator, kind, new.address, revoke=False)
        twin.set_threshold(owner, operator, 1)
        essential = data.draw(st.integers(0, 15)) == 0 and kind == KeyKind.DEVICE
        gone = device_of(operator) if essential else new if wait else old
        twin.set_key(owner, operator, kind, gone.address, revoke=True)

    @rule(number=st.sampled_from([6, 6, 6, 1]), place=st.integers(0, 1))
    def member_pulls(self, number: int, place: int) -> None:
        member = account(("cleo", "dora")[place])
        self.twin.claim_share(member, number, place, member.address)

    @rule(part=st.sampled_from(["Escrow", "ReceiptLedger"]), back=st.booleans())
    def interrupted(self, part: str, back: bool) -> None:
        """The guardian pauses for an hour and thinks better of it; weeks pass."""
        twin, guardian = self.twin, self.twin.system.admin
        twin.pause(guardian, part, 3_600)
        if back:
            twin.pause(guardian, part, None)
        twin.warp(30 * DAY if not back else 60)
