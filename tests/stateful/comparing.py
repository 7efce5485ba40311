"""Every figure of both worlds against the other, after every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tallystick.protocol.accounting.batches import Recovery
from tallystick.protocol.model import Agreement
from tests.stateful.worlds import ACTORS, SPLIT, Worlds
from tests.support.evm import Bound, account

MEMORY = 200_000
_CALLDATA: dict[tuple[Any, ...], bytes] = {}
_DECODED: dict[tuple[str, str, bytes], Any] = {}


def _read(contract: Bound, function: str, *values: Any) -> Any:
    """What a view answers. Few answers change from step to step, so what bytes mean is remembered."""
    shape = contract.contract.function(function)
    asked = (contract.name, function, values)
    if asked not in _CALLDATA:
        _CALLDATA[asked] = shape.encode(*values)
    answer = contract.evm.call(contract.address, _CALLDATA[asked], static=True)
    meant = (contract.name, function, answer)
    if meant not in _DECODED:
        _DECODED[meant] = shape.decode_named(answer)
    if max(len(_CALLDATA), len(_DECODED)) > MEMORY:
        _CALLDATA.clear()
        _DECODED.clear()
        return _read(contract, function, *values)
    return _DECODED[meant]


RECENT = 12
"""Of agreements and batches that are over, so many of the newest are still read; of the others all."""


class Comparing(Worlds):
    """Reads both sides."""

    def check(self) -> None:
        """The specification's own invariants, and every figure of both worlds against the other."""
        for name in self.model.check_invariants():
            self.checked[name] += 1
        self.compare()
        self.checked["chain equals model"] += 1
        self.compare_events()
        self.checked["events rebuild balances"] += 1

    def compare(self) -> None:
        """Reads every figure from the bytecode and from the model, and asserts that they are equal."""
        self._compare_currency()
        self._compare_accounts()
        self._compare_agreements()
        self._compare_staking()
        self._compare_ledger()
        self._compare_trust()
        self._compare_fees()
        self._compare_rewards()

    def compare_events(self) -> None:
        """11.11: what the events alone rebuild is what the books say."""
        books, e, staking = self.books, self.model.escrow, self.model.staking
        for number, account_ in enumerate(e.accounts, 1):
            rebuilt = (books.free[number], books.locked[number], books.received[number])
            assert rebuilt == (account_.free, account_.locked, account_.received), number
            rebuilt = (books.claimed[number], books.reward_base[number], books.overturned[number])
            assert rebuilt == (account_.claimed, account_.reward_base, account_.overturned), number
        for number, found in e.agreements.items():
            told = books.agreements[number]
            assert (told.paid, told.budget, told.downtime, told.open) == (
                found.paid,
                found.budget,
                found.downtime,
                found.status == 1,
            ), number
            assert (told.forgiven, told.frozen, told.holds, told.not_before) == (
                found.forgiven,
                found.frozen,
                found.holds,
                found.not_before,
            ), number
        self._compare_ledger_events()
        assert (books.fees, books.collected) == e.fee_totals()
        for key, allowance in e.allowances.items():
            assert books.allowances.get(key, 0) == allowance.amount, key
        for number, operator in enumerate(staking.operators, 1):
            for part in ("free", "pledged", "reserved", "thawing", "lent"):
                assert getattr(books.stakes[number], part) == getattr(operator, part), (number, part)
        for name in (*ACTORS, "arbiter"):
            person = account(name).address
            assert books.credits[person] == staking.credits.get(person, 0), name
        books.token_side.compare(self.model)

    def _compare_ledger_events(self) -> None:
        books, ledger = self.books, self.model.ledger
        for number, batch in ledger.batches.items():
            if batch.challenged:
                assert books.blocked[number].open == batch.open.keys(), number
                assert books.blocked[number].void == batch.void.keys(), number
        assert books.releases.keys() == ledger.releases.keys()
        assert {n: (b.agreement, b.amount, b.source) for n, b in ledger.bonds.items()} == books.bonds
        for number, recovery in ledger.recoveries.items():
            assert books.recoveries.get(number, Recovery()) == recovery, number

    def _compare_currency(self) -> None:
        s, m = self.system, self.model
        people = [account(name).address for name in ACTORS]
        contracts = (s.escrow, s.staking, s.splitter, s.insurance, s.vault)
        for holder in (*people, s.treasury.address, *(c.address for c in contracts)):
            assert _read(s.currency, "balanceOf", holder) == m.currency.balance_of(holder), holder

    def _compare_accounts(self) -> None:
        e, m = self.system.escrow, self.model.escrow
        for number in range(1, m.account_count() + 1):
            assert _read(e, "balanceOf", number) == m.balance_of(number), number
            assert _read(e, "earningsOf", number) == m.earnings_of(number), number
            assert _read(e, "overturned", number) == m.overturned(number), number
        for (funder, customer, policy), allowance in m.allowances.items():
            found = _read(e, "allowanceOf", funder, customer, policy)
            assert found == (allowance.amount, allowance.revoked_sequence), (funder, customer, policy)
        for number in m.splits:
            for place in range(len(SPLIT[0])):
                assert _read(e, "sharePaid", number, place) == m.share_paid(number, place), (number, place)
        assert _read(e, "liabilities") == m.liabilities()
        assert _read(e, "feeTotals") == m.fee_totals()
        assert _read(e, "openingPause") == m.opening_pause()
        for policy in range(1, self.model.policy_book.count() + 1):
            assert _read(e, "refundFloor", policy) == m.refund_floor(policy), policy

    def _compare_agreements(self) -> None:
        e, m = self.system.escrow, self.model.escrow
        numbers = list(m.agreements)
        running = {number for number in numbers if m.agreements[number].status == 1}
        for number in sorted(running | set(numbers[-RECENT:])):
            assert _read(e, "agreementOf", number) == _view(m.agreements[number]), number
            assert _read(e, "forgivenOf", number) == m.agreements[number].forgiven, number
        for number in sorted(running)[-RECENT:]:
            assert _read(e, "refundableAt", number) == m.refundable_at(number), number
            assert _read(e, "paidUntil", number) == m.paid_until(number), number

    def _compare_staking(self) -> None:
        s, m = self.system, self.model
        for number, operator in enumerate(m.staking.operators, 1):
            view = _read(s.staking, "get", number)
            parts = ("free", "pledged", "reserved", "thawing", "roles", "source")
            assert [view[part] for part in parts] == [getattr(operator, part) for part in parts], number
            assert view["thawEnds"] == operator.thaw_ends, number
            assert _read(s.staking, "pledgeBonds", number) == operator.lent, number
            assert _read(s.ledger, "inFlight", number) == m.ledger.in_flight(number), number
        assert _read(s.staking, "totalStake") == m.staking.total_stake()
        assert _read(s.staking, "totalCredits") == m.staking.total_credits()
        for name in (*ACTORS, "arbiter"):
            person = account(name).address
            assert _read(s.staking, "credits", person) == m.staking.credits.get(person, 0), name

    def _compare_ledger(self) -> None:
        s, m = self.system, self.model.ledger
        numbers = list(m.batches)
        running = {number for number in numbers if not m.batches[number].retired}
        for number in sorted(running | set(numbers[-RECENT:])):
            view, batch = _read(s.ledger, "batchOf", number), m.batches[number]
            found = [view[part] for part in ("postedAt", "policy", "leaves", "relayer", "value", "moved")]
            assert found == [
                batch.posted_at,
                batch.policy,
                batch.leaves,
                batch.relayer,
                batch.value,
                batch.moved,
            ], number
            assert view["flags"] == batch.flags, number
            assert view["root"] == batch.root, number
            assert _read(s.ledger, "cancelledAt", number) == batch.cancelled_at, number
            if batch.challenged:
                assert _read(s.ledger, "blockedOf", number) == m.blocked_of(number), number
        for number, recovery in list(m.recoveries.items())[-RECENT:]:
            assert _read(s.ledger, "recoveryOf", number) == {
                "due": recovery.due,
                "done": recovery.done,
                "doneFees": recovery.done_fees,
            }, number
        for (number, leaf), release in list(m.releases.items())[-RECENT:]:
            assert _read(s.ledger, "releaseOf", number, leaf) == {
                "agreement": release.agreement,
                "amount": release.amount,
                "fees": release.fees,
                "operator": release.operator,
                "answered": release.answered,
            }, (number, leaf)
        assert _read(s.ledger, "postingPause") == m.posting_pause()
        for policy in range(1, self.model.policy_book.count() + 1):
            assert _read(s.ledger, "silentAt", policy) == m.silent_at(policy), policy

    def _compare_trust(self) -> None:
        s, m = self.system, self.model
        for (number, key), session in m.session_keys.sessions.items():
            assert _read(s.session_keys, "sessionOf", number, key) == {
                "validFrom": session.valid_from,
                "expiresAt": session.expires_at,
                "revokedAt": session.revoked_at,
                "listed": session.total == 0,
                "total": session.total,
                "spent": session.spent,
            }, (number, key)
        for (issuer, kind, subject, binding), record in m.credentials.records.items():
            assert _read(s.credentials, "recordOf", issuer, int(kind), subject, binding) == {
                "validFrom": record.valid_from,
                "expiresAt": record.expires_at,
                "revokedAt": record.revoked_at,
                "nonce": record.nonce,
                "value": record.value,
            }, (kind, subject)

    def _compare_fees(self) -> None:
        s, m = self.system, self.model
        assert _read(s.splitter, "totalCredited") == m.fee_splitter.total_credited()
        assert _read(s.vault, "stream") == m.dividend_vault.stream(now=self.now)
        assert _read(s.vault, "totals") == m.dividend_vault.totals()
        for name in ACTORS:
            person = account(name).address
            claimable = m.dividend_vault.claimable(person, now=self.now)
            assert _read(s.vault, "claimable", person) == claimable, name
            assert _read(s.vault, "stakedOf", person) == m.dividend_vault.staked_of(person), name
            lifetime = m.dividend_vault.lifetime_of(person, now=self.now)
            assert _read(s.vault, "lifetimeOf", person) == lifetime, name
        assert _read(s.vault, "totalCarried") == m.dividend_vault.total_carried(now=self.now)

    def _compare_rewards(self) -> None:
        s, m = self.system, self.model
        assert _read(s.token, "totalSupply") == m.token.supply
        assert _read(s.rewards, "schedule") == m.rewards.schedule(now=self.now)
        assert _read(s.rewards, "totals") == m.rewards.totals()
        for number, account_ in enumerate(m.escrow.accounts, 1):
            if account_.reward_base or account_.overturned:
                lifetime = m.rewards.lifetime_of(number, now=self.now)
                assert _read(s.rewards, "lifetimeOf", number) == lifetime, number
        for number, (_, weights) in m.escrow.splits.items():
            for place in range(len(weights)):
                share = m.rewards.claimable_share(number, place, weights, now=self.now)
                assert _read(s.rewards, "claimableShare", number, place, weights) == share, (number, place)


def _view(agreement: Agreement) -> Mapping[str, Any]:
    """What `agreementOf` must answer."""
    return {
        "paid": agreement.paid,
        "budget": agreement.budget,
        "unitPrice": agreement.unit_price,
        "payee": agreement.payee,
        "policy": agreement.policy,
        "feeProvider": agreement.fee_provider,
        "feeCustomer": agreement.fee_customer,
        "status": int(agreement.status),
        "mode": int(agreement.mode),
        "frozen": agreement.frozen,
        "sponsored": agreement.sponsored,
        "holds": agreement.holds,
        "pledgeStuck": agreement.pledge_stuck,
        "countersigned": agreement.countersigned,
        "customer": agreement.customer,
        "funder": agreement.funder,
        "operator": agreement.operator,
        "start": agreement.start,
        "end": agreement.end,
        "stopAt": agreement.stop_at,
        "downtime": agreement.downtime,
        "notBefore": agreement.not_before,
    }
