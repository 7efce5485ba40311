"""Random actors, honest and hostile, on both worlds at once.

The rules draw what people might do: amounts from nothing to everything, whoever owns it or somebody else,
in time or not, with good signatures, none, or another's. `Twin` asserts that model and bytecode agree on
every one of them; the invariants are checked after each.
"""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tallystick.protocol.eip712 import BatchHeader
from tallystick.protocol.enums import KeyKind, VerificationKind
from tallystick.protocol.model import Policy, SlashOrder
from tests.stateful.draws import (
    DAY,
    FOREVER,
    accounts,
    amounts,
    honest_offer,
    mostly,
    offer,
    operator_owner,
    operators,
    owner_of,
    people,
    policies,
    receivers,
    spans,
    units,
)
from tests.stateful.twin import ACTORS, Pristine, Twin
from tests.support.evm import Account, account
from tests.support.system import DOLLAR, TALLY


@cache
def pristine() -> Pristine:
    """Deployed once a process."""
    return Pristine.deploy()


class Market(RuleBasedStateMachine):
    """ann and ben buy, cleo and dora provide, relay posts, mallory tries everything."""

    twin: Twin

    @initialize()
    def found(self) -> None:
        """A small market that works, to be disturbed: accounts 1 to 5, operators 1 to 3, policies 1 and 2."""
        twin = self.twin = Twin.start(pristine())
        for name in ACTORS:
            twin.mint(account(name).address, 200_000 * DOLLAR)
            twin.drip(account(name).address, 1_000 * TALLY)
        for name in ("ann", "ben", "cleo", "dora", "mallory"):
            person = account(name)
            number = twin.create_account(person)
            twin.deposit(person, number, 1_000 * DOLLAR)
        for name, roles, hardware, stake in (
            ("cleo", 1, 1, 20_000),
            ("dora", 1, 2, 1_010),
            ("relay", 4, 0, 30_000),
        ):
            person = account(name)
            operator = twin.register(person, roles, hardware)
            assert operator is not None
            twin.stake(person, operator, stake * DOLLAR)
        relay = account("relay")
        twin.set_key(relay, 3, KeyKind.SIGNER, relay.address, revoke=False)
        twin.add_policy(twin.system.admin, Policy(VerificationKind.NONE, 0, 3))
        twin.add_policy(
            twin.system.admin, Policy(VerificationKind.NONE, 0, 3, coverage_bps=3_333, value_cap=9 * DOLLAR)
        )

    # Time

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        self.twin.warp(span)

    # The currency's issuer and its holders

    @rule(name=st.sampled_from(ACTORS), barred=st.booleans())
    def issuer_blacklists(self, name: str, barred: bool) -> None:
        self.twin.blacklist(account(name).address, barred and name in ("cleo", "mallory"))

    @rule(
        person=people,
        amount=st.integers(0, 1_000),
        to=st.sampled_from(["escrow", "staking", "splitter", "vault"]),
    )
    def somebody_donates(self, person: Account, amount: int, to: str) -> None:
        self.twin.gift(person, getattr(self.twin.system, to).address, amount)

    # Accounts

    @rule(person=people, number=accounts, amount=amounts)
    def deposit(self, person: Account, number: int, amount: int) -> None:
        self.twin.deposit(person, number, amount)

    @rule(person=people, number=accounts, amount=amounts, ref=st.integers(0, 3))
    def deposit_for(self, person: Account, number: int, amount: int, ref: int) -> None:
        self.twin.deposit_for(person, number, amount, bytes([ref]) * 32)

    @rule(owner=mostly, person=people, number=accounts, amount=amounts, to=receivers)
    def withdraw(self, owner: bool, person: Account, number: int, amount: int, to: str) -> None:
        self.twin.withdraw(owner_of(self.twin, number) if owner else person, number, amount, to)

    @rule(owner=mostly, person=people, number=accounts, to=receivers)
    def claim(self, owner: bool, person: Account, number: int, to: str) -> None:
        self.twin.claim(owner_of(self.twin, number) if owner else person, number, to)

    @rule(owner=mostly, person=people, funder=accounts, customer=accounts, policy=policies, amount=amounts)
    def allow(
        self, owner: bool, person: Account, funder: int, customer: int, policy: int, amount: int
    ) -> None:
        caller = owner_of(self.twin, funder) if owner else person
        self.twin.allow(caller, funder, customer, policy, amount)

    @rule(owner=mostly, person=people, funder=accounts, customer=accounts, policy=policies)
    def revoke(self, owner: bool, person: Account, funder: int, customer: int, policy: int) -> None:
        self.twin.revoke(owner_of(self.twin, funder) if owner else person, funder, customer, policy)

    # Agreements

    @rule(data=st.data(), caller=people, count=st.integers(1, 4))
    def open(self, data: st.DataObject, caller: Account, count: int) -> None:
        self.twin.open(caller, [offer(self.twin, data) for _ in range(count)])

    @rule(data=st.data(), count=st.integers(1, 4))
    def open_honestly(self, data: st.DataObject, count: int) -> None:
        self.twin.open(account("relay"), [honest_offer(self.twin, data) for _ in range(count)])

    @rule(data=st.data(), days=st.integers(0, 8))
    def trade(self, data: st.DataObject, days: int) -> None:
        """The whole honest way: an agreement, a batch, its window, the settlement; then time goes on."""
        self._trade(data)
        self.twin.warp(days * DAY)

    def _trade(self, data: st.DataObject) -> None:
        self.twin.open(account("relay"), [honest_offer(self.twin, data) for _ in range(2)])
        self._post(data)
        if self.twin.batches:
            self.twin.warp(DAY)
            self.twin.settle(account("ann"), self.twin.batches[-1])

    @rule(person=people, word=st.integers(0, 1), mask=st.integers(0, 15))
    def cancel_nonces(self, person: Account, word: int, mask: int) -> None:
        self.twin.cancel_nonces(person, word, mask)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), party=mostly, person=people)
    def close(self, data: st.DataObject, party: bool, person: Account) -> None:
        agreement = self._agreement(data)
        found = self.twin.model.escrow.agreements.get(agreement)
        if party and found is not None:
            sides = [owner_of(self.twin, found.customer), operator_owner(self.twin, found.operator)]
            person = data.draw(st.sampled_from(sides))
        self.twin.close(person, agreement)

    @precondition(lambda self: self.twin.agreements)
    @rule(data=st.data(), person=people, wait=mostly)
    def refund(self, data: st.DataObject, person: Account, wait: bool) -> None:
        agreement = self._agreement(data)
        found = self.twin.model.escrow.agreements.get(agreement)
        if wait and found is not None and found.status == 1:
            due = self.twin.model.escrow.refundable_at(agreement)
            self.twin.warp(max(0, due - self.twin.now - data.draw(st.integers(0, 1))))
        self.twin.refund(person, agreement)

    # Batches

    @rule(data=st.data())
    def post_honestly(self, data: st.DataObject) -> None:
        self._post(data)

    def _post(self, data: st.DataObject) -> None:
        policy = data.draw(st.integers(1, 2))
        mine = sorted(
            number
            for number in self.twin.agreements
            if self.twin.model.escrow.agreements[number].policy == policy
        )
        items = [(number, data.draw(units)) for number in mine[-6:]]
        value = data.draw(st.sampled_from([1_000, DOLLAR, 3 * DOLLAR, 9 * DOLLAR]))
        header = BatchHeader(policy, value, self.twin.model.ledger.next_nonce(policy, 3), FOREVER)
        self.twin.post(account("relay"), header, items)

    @rule(
        data=st.data(),
        person=people,
        policy=policies,
        value=amounts,
        nonce=st.integers(0, 2),
        late=st.booleans(),
    )
    def post_anyhow(
        self, data: st.DataObject, person: Account, policy: int, value: int, nonce: int, late: bool
    ) -> None:
        numbers = st.one_of(st.sampled_from([*self.twin.agreements, 1 << 32]), st.integers(1, 2**64 - 1))
        items = data.draw(st.lists(st.tuples(numbers, units), max_size=4))
        if data.draw(st.booleans()):
            items = sorted(dict(items).items())
        header = BatchHeader(policy, value, nonce, self.twin.now - 1 if late else FOREVER)
        signers = data.draw(st.lists(people, max_size=2))
        self.twin.post(person, header, items, signers)

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people, wait=mostly)
    def settle(self, data: st.DataObject, person: Account, wait: bool) -> None:
        batch = data.draw(st.sampled_from(self.twin.batches))
        if wait:
            due = self.twin.model.ledger.settleable_at(batch.number)
            self.twin.warp(max(0, due - self.twin.now - data.draw(st.integers(0, 1))))
        self.twin.settle(person, batch)

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people)
    def settle_one(self, data: st.DataObject, person: Account) -> None:
        batch = data.draw(st.sampled_from(self.twin.batches))
        leaves = st.integers(0, len(batch.figures) // 18 - 1)
        self.twin.settle_one(person, batch, data.draw(leaves), data.draw(leaves))

    @precondition(lambda self: self.twin.batches)
    @rule(data=st.data(), person=people)
    def retire_batch(self, data: st.DataObject, person: Account) -> None:
        self.twin.retire_batch(person, data.draw(st.sampled_from(self.twin.batches)))

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

    @rule(
        admin=mostly,
        person=people,
        operator=operators,
        amount=amounts,
        victim=receivers,
        loss=amounts,
        challenger=receivers,
        reward=st.sampled_from([0, 1, 2_000, 3_000, 3_001]),
    )
    def slash(
        self,
        admin: bool,
        person: Account,
        operator: int,
        amount: int,
        victim: str,
        loss: int,
        challenger: str,
        reward: int,
    ) -> None:
        caller = self.twin.system.admin if admin else person
        self.twin.slash(caller, SlashOrder(operator, amount, victim, loss, challenger, reward, 7))

    @rule(data=st.data(), person=people, operator=operators, amount=amounts)
    def rattle_a_door(self, data: st.DataObject, person: Account, operator: int, amount: int) -> None:
        """What hardly ever goes well: inner doors, other people's keys, releases that are not stuck."""
        twin, flag = self.twin, data.draw(st.booleans())
        doors = {
            "pledge": lambda: twin.pledge_directly(person, operator, amount, release=flag),
            "settle": lambda: twin.settle_directly(
                person, 1, (1 << 32).to_bytes(8, "big") + amount.to_bytes(10, "big")
            ),
            "release": lambda: twin.retry_release(person, self._agreement(data)),
            "key": lambda: twin.set_key(
                data.draw(st.sampled_from([person, operator_owner(self.twin, operator)])),
                operator,
                data.draw(st.sampled_from(list(KeyKind))),
                data.draw(people).address,
                revoke=flag,
            ),
            "threshold": lambda: twin.set_threshold(person, operator, amount % 3),
            "register": lambda: self._register(person, amount % 9, amount % 5),
        }
        doors[data.draw(st.sampled_from(sorted(doors)))]()

    def _register(self, person: Account, roles: int, hardware: int) -> None:
        if len(self.twin.model.staking.operators) < 6:
            self.twin.register(person, roles, hardware)

    # Governance and fees

    @rule(admin=mostly, person=people, coverage=st.sampled_from([0, 1, 10_000, 10_001]))
    def add_policy(self, admin: bool, person: Account, coverage: int) -> None:
        if self.twin.model.policy_book.count() < 4:
            caller = self.twin.system.admin if admin else person
            self.twin.add_policy(caller, Policy(VerificationKind.NONE, 0, 3, coverage_bps=coverage))

    @rule(admin=mostly, person=people, policy=policies)
    def retire_policy(self, admin: bool, person: Account, policy: int) -> None:
        if policy != 1:
            self.twin.retire_policy(self.twin.system.admin if admin else person, policy)

    @rule(admin=mostly, person=people, provider=st.integers(0, 2_001), customer=st.integers(0, 300))
    def set_fees(self, admin: bool, person: Account, provider: int, customer: int) -> None:
        self.twin.set_fees(self.twin.system.admin if admin else person, provider, customer)

    @rule(admin=mostly, person=people, insurance=st.integers(400, 4_100), treasury=st.integers(0, 2_100))
    def set_shares(self, admin: bool, person: Account, insurance: int, treasury: int) -> None:
        caller = self.twin.system.admin if admin else person
        self.twin.set_shares(caller, 10_000 - insurance - treasury, insurance, treasury)

    @rule(
        person=people, step=st.sampled_from(["collect", "sweep", "pull", "treasury", "insurance", "slashes"])
    )
    def move_fees(self, person: Account, step: str) -> None:
        twin = self.twin
        steps = {
            "collect": lambda: twin.collect_fees(person),
            "sweep": lambda: twin.sweep(person),
            "pull": lambda: twin.pull(person),
            "treasury": lambda: twin.pull_treasury(person),
            "insurance": lambda: twin.pool_pulls(person, slashes=False),
            "slashes": lambda: twin.pool_pulls(person, slashes=True),
        }
        steps[step]()

    # Dividends

    @rule(person=people, function=st.sampled_from(["stake", "unstake"]), amount=st.integers(0, 1_200))
    def vault_moves(self, person: Account, function: str, amount: int) -> None:
        self.twin.vault(function, person, amount * TALLY // 3)

    @rule(person=people, function=st.sampled_from(["withdraw", "claim"]), to=receivers)
    def vault_pays(self, person: Account, function: str, to: str) -> None:
        self.twin.vault(function, person, to)

    @rule(data=st.data(), person=people, whole=st.integers(1, 300), days=st.integers(1, 15))
    def earn_dividends(self, data: st.DataObject, person: Account, whole: int, days: int) -> None:
        """Stake, work, fees, a week and a bit, claim; perhaps leave."""
        self.twin.vault("stake", person, whole * TALLY)
        self._trade(data)
        self.twin.vault("pullFees", person)
        self.twin.warp(days * DAY)
        self.twin.vault("claim", person, person.address)
        if days % 3 == 0:
            self.twin.vault("unstake", person, whole * TALLY)
            self.twin.warp((days - 5) * DAY if days > 5 else 0)
            self.twin.vault("withdraw", person, person.address)

    @rule(
        operator=st.integers(1, 3), whole=st.integers(1, 2_000), days=st.integers(19, 22), stay=st.booleans()
    )
    def thaw(self, operator: int, whole: int, days: int, stay: bool) -> None:
        """An operator takes stake out, or thinks better of it."""
        owner = operator_owner(self.twin, operator)
        self.twin.unstake(owner, operator, whole * DOLLAR)
        if stay:
            self.twin.cancel_thaw(owner, operator)
        self.twin.warp(days * DAY)
        self.twin.withdraw_stake(owner, operator, owner.address)

    @rule(number=st.integers(3, 4))
    def provider_is_paid(self, number: int) -> None:
        owner = owner_of(self.twin, number)
        self.twin.claim(owner, number, owner.address)

    @rule(person=people, days=st.integers(0, 15))
    def dividends_stream(self, person: Account, days: int) -> None:
        """Somebody is staked, fees arrive, time passes."""
        self.twin.vault("pullFees", person)
        self.twin.warp(days * DAY)

    # After every step

    @invariant()
    def worlds_agree(self) -> None:
        if hasattr(self, "twin"):
            self.twin.check()

    def _agreement(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([*self.twin.agreements[-8:], 5 << 32]))
