"""PROTOCOL 11.11: events alone rebuild every balance. These books read nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tallystick.protocol.accounting.batches import Recovery
from tallystick.protocol.amounts import ceil_bps, fee, locked_for, net_of
from tallystick.protocol.enums import BondSource, CloseReason, LeafEnd
from tests.stateful.token_books import TokenBooks
from tests.support.evm import Log

Arguments = Mapping[str, Any]


@dataclass
class Figures:
    """An agreement as its events tell it."""

    customer: int
    funder: int
    operator: int
    payee: int
    policy: int
    budget: int
    fee_provider: int
    fee_customer: int
    paid: int = 0
    downtime: int = 0
    forgiven: int = 0
    open: bool = True
    frozen: bool = False
    holds: int = 0
    not_before: int = 0


@dataclass
class Stake:
    """An operator's parts as events tell them."""

    free: int = 0
    pledged: int = 0
    reserved: int = 0
    thawing: int = 0
    lent: int = 0


@dataclass
class Blocked:
    """A batch's leaves under challenge and void ones, as events tell them."""

    open: set[int] = field(default_factory=set)
    void: set[int] = field(default_factory=set)


@dataclass
class EventBooks:
    """Balances by account, agreement, operator and holder."""

    escrow: str
    staking: str
    policy_book: str
    ledger: str
    token_side: TokenBooks
    free: Counter[int] = field(default_factory=Counter)
    locked: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    claimed: Counter[int] = field(default_factory=Counter)
    reward_base: Counter[int] = field(default_factory=Counter)
    allowances: dict[tuple[int, int, int], int] = field(default_factory=dict)
    revoked: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    fees: int = 0
    collected: int = 0
    agreements: dict[int, Figures] = field(default_factory=dict)
    coverage: dict[int, int] = field(default_factory=dict)
    stakes: dict[int, Stake] = field(default_factory=dict)
    credits: Counter[str] = field(default_factory=Counter)
    overturned: Counter[int] = field(default_factory=Counter)
    blocked: dict[int, Blocked] = field(default_factory=dict)
    recoveries: dict[int, Recovery] = field(default_factory=dict)
    releases: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Agreement and fees of what was released, by leaf."""
    bonds: dict[int, tuple[int, int, BondSource]] = field(default_factory=dict)
    """Agreement, µ and source of self-posts' bonds, by batch."""
    challenged: dict[tuple[int, int], int] = field(default_factory=dict)
    """Agreement of every leaf that ever was under challenge."""
    ruled: int = 0
    """The agreement that a ruling just closed, and where a bond just came from: what the next event belongs to."""
    source: BondSource = BondSource.NONE

    def read(self, logs: Iterable[Log]) -> None:
        """Takes in what one transaction emitted, in order."""
        for log in logs:
            self.token_side.read(log)
            readers = {
                self.escrow: self._of_escrow,
                self.staking: self._of_staking,
                self.policy_book: self._of_policies,
                self.ledger: self._of_ledger,
            }
            if log.address in readers:
                reader = readers[log.address]().get(log.name)
                if reader is not None:
                    reader(log.args)

    def _of_policies(self) -> dict[str, Callable[[Arguments], None]]:
        def added(e: Arguments) -> None:
            self.coverage[e["policy"]] = e["terms"]["coverageBps"]

        return {"PolicyAdded": added}

    # Escrow

    def _of_escrow(self) -> dict[str, Callable[[Arguments], None]]:
        return {
            "Deposited": lambda e: self.free.update({e["account"]: e["amount"]}),
            "DepositedFor": lambda e: self.free.update({e["account"]: e["amount"]}),
            "Withdrawn": lambda e: self.free.subtract({e["account"]: e["amount"]}),
            "Claimed": lambda e: self.claimed.update({e["account"]: e["amount"]}),
            "ShareClaimed": lambda e: self.claimed.update({e["account"]: e["amount"]}),
            "AllowanceSet": self._allowed,
            "AllowanceRevoked": self._revoked,
            "Opened": self._opened,
            "ToppedUp": self._topped_up,
            "Settled": lambda e: self._paid(e, waits=False),
            "SettledByRelease": lambda e: self._paid(e, waits=True),
            "ReleaseFinalised": self._finalised,
            "DowntimeSet": self._downtime,
            "Closed": self._closed,
            "PledgeReleased": lambda e: self._release(self.agreements[e["agreement"]]),
            "FeesCollected": self._collected,
            "Frozen": lambda e: self._set(e, frozen=True),
            "Unfrozen": lambda e: self._set(e, frozen=False),
            "DowntimeForgiven": lambda e: self._set(e, forgiven=e["forgiven"]),
            "RefundDelayed": lambda e: self._set(e, not_before=e["notBefore"]),
            "FeesOverturned": lambda e: self.overturned.update({e["account"]: e["fees"]}),
        }

    def _set(self, e: Arguments, **figures: int) -> None:
        vars(self.agreements[e["agreement"]]).update(figures)

    def _allowed(self, e: Arguments) -> None:
        self.allowances[e["funder"], e["customer"], e["policy"]] = e["amount"]

    def _revoked(self, e: Arguments) -> None:
        key = (e["funder"], e["customer"], e["policy"])
        self.allowances[key], self.revoked[key] = 0, e["sequence"]

    def _opened(self, e: Arguments) -> None:
        terms = e["terms"]
        parts = {
            name: terms[name] for name in ("customer", "funder", "operator", "payee", "policy", "budget")
        }
        fees = {"fee_provider": e["fees"] >> 16, "fee_customer": e["fees"] & 0xFFFF}
        found = self.agreements[e["agreement"]] = Figures(**parts, **fees)
        self._lock(found, locked_for(found.budget, found.fee_customer))
        self._pledge(found, self._cover(found))

    def _topped_up(self, e: Arguments) -> None:
        found = self.agreements[e["agreement"]]
        locked, cover = locked_for(found.budget, found.fee_customer), self._cover(found)
        found.budget = e["budget"]
        self._lock(found, locked_for(found.budget, found.fee_customer) - locked)
        self._pledge(found, self._cover(found) - cover)

    def _lock(self, found: Figures, amount: int) -> None:
        self.free[found.funder] -= amount
        self.locked[found.funder] += amount
        if found.funder != found.customer:
            self.allowances[found.funder, found.customer, found.policy] -= amount

    def _cover(self, found: Figures) -> int:
        return ceil_bps(found.budget, self.coverage[found.policy])

    def _pledge(self, found: Figures, amount: int) -> None:
        stake = self.stakes[found.operator]
        stake.free -= amount
        stake.pledged += amount

    def _release(self, found: Figures) -> None:
        stake = self.stakes[found.operator]
        amount = self._cover(found)
        missing = max(0, amount - stake.pledged)
        stake.lent -= missing
        stake.pledged -= amount - missing
        stake.free += amount - missing

    def _paid(self, e: Arguments, *, waits: bool) -> None:
        found = self.agreements[e["agreement"]]
        found.holds += waits
        before, found.paid = found.paid, e["paid"]
        fees = sum(
            fee(found.paid, bps) - fee(before, bps) for bps in (found.fee_provider, found.fee_customer)
        )
        self.received[found.payee] += net_of(before, found.paid, found.fee_provider)
        self.reward_base[found.payee] += 0 if waits else fees
        self.fees += fees

    def _finalised(self, e: Arguments) -> None:
        found = self.agreements[e["agreement"]]
        found.holds -= 1
        self.reward_base[found.payee] += e["fees"] if e["good"] else 0

    def _downtime(self, e: Arguments) -> None:
        self.agreements[e["agreement"]].downtime = e["downtime"]

    def _closed(self, e: Arguments) -> None:
        found = self.agreements[e["agreement"]]
        found.open = found.frozen = False
        self.free[found.funder] += e["refunded"]
        self.locked[found.funder] -= locked_for(found.budget, found.fee_customer)
        key = (found.funder, found.customer, found.policy)
        if found.funder != found.customer and e["agreement"] >> 32 > self.revoked[key]:
            self.allowances[key] += e["refunded"]
        if e["reason"] == CloseReason.RULED:  # a slash of the pledge follows, which says what became of it
            self.ruled = e["agreement"]
        else:
            self._release(found)

    def _collected(self, e: Arguments) -> None:
        self.collected += e["amount"]

    # Staking

    def _of_staking(self) -> dict[str, Callable[[Arguments], None]]:
        return {
            "Registered": lambda e: self.stakes.update({e["operator"]: Stake()}),
            "Staked": lambda e: self._move(e, free=1),
            "ThawStarted": lambda e: self._move(e, free=-1, thawing=1),
            "ThawCancelled": lambda e: self._move(e, thawing=-1, free=1),
            "Withdrawn": lambda e: self._move(e, thawing=-1),
            "Reserved": lambda e: self._move(e, free=-1, reserved=1),
            "Unreserved": lambda e: self._move(e, reserved=-1, free=1),
            "Forfeited": self._forfeited,
            "BondTaken": self._bond_taken,
            "BondReturned": self._bond_returned,
            "PledgeSlashed": self._pledge_slashed,
            "Slashed": self._slashed,
            "Charged": self._charged,
            "CreditClaimed": lambda e: self.credits.subtract({e["holder"]: e["amount"]}),
        }

    def _move(self, e: Arguments, **parts: int) -> None:
        stake = self.stakes[e["operator"]]
        for part, sign in parts.items():
            setattr(stake, part, getattr(stake, part) + sign * e["amount"])

    def _forfeited(self, e: Arguments) -> None:
        self._move(e, reserved=-1)
        self.credits[e["to"]] += e["amount"]

    def _bond_taken(self, e: Arguments) -> None:
        source = self.source = BondSource(e["source"])
        if source == BondSource.PLEDGE:
            self._move(e, pledged=-1, reserved=1, lent=1)
        else:
            self._move(e, free=-1 if source == BondSource.FREE else 0, reserved=1)

    def _bond_returned(self, e: Arguments) -> None:
        stake = self.stakes[e["operator"]]
        lent = min(e["amount"], stake.lent) if e["source"] == BondSource.PLEDGE else 0
        stake.lent -= lent
        stake.pledged += lent
        stake.free += e["amount"] - lent
        stake.reserved -= e["amount"]

    def _pledge_slashed(self, e: Arguments) -> None:
        """Bonds hold a part of the pledge, which comes back as free stake; the rest is taken or free."""
        stake = self.stakes[e["operator"]]
        back = min(self._lent(self.ruled), e["pledge"], stake.lent)
        held = min(e["pledge"] - back, stake.pledged)
        stake.lent -= min(e["pledge"] - held, stake.lent)
        stake.pledged -= held
        stake.free += held - e["fromPledge"]

    def _lent(self, agreement: int) -> int:
        mine = [bond for bond in self.bonds.values() if bond[0] == agreement]
        return sum(amount for _, amount, source in mine if source == BondSource.PLEDGE)

    def _charged(self, e: Arguments) -> None:
        """What it says of the pledge became free a moment ago."""
        stake = self.stakes[e["operator"]]
        stake.free -= e["fromPledge"] + e["fromFree"]
        stake.thawing -= e["fromThawing"]
        self.credits[e["victim"]] += e["recovered"]
        self.credits[e["feeTo"]] += e["fee"]

    def _slashed(self, e: Arguments) -> None:
        stake = self.stakes[e["operator"]]
        stake.free -= e["fromFree"]
        stake.thawing -= e["fromThawing"]
        self.credits[e["victim"]] += e["toVictim"]
        self.credits[e["challenger"]] += e["toChallenger"]

    # ReceiptLedger

    def _of_ledger(self) -> dict[str, Callable[[Arguments], None]]:
        return {
            "SelfPosted": self._self_posted,
            "BondReturned": self._bond_over,
            "Released": self._released,
            "ReleaseFinalised": self._release_over,
            "MadeGood": self._made_good,
            "LeafBlocked": self._leaf_blocked,
            "LeafUnblocked": self._leaf_unblocked,
            "RecoveryDue": lambda e: setattr(self._recovery(e["agreement"]), "due", e["due"]),
            "Recovered": lambda e: self._given_back(e["agreement"], e["amount"], 0),
        }

    def _bond_over(self, e: Arguments) -> None:
        del self.bonds[e["batch"]]

    def _release_over(self, e: Arguments) -> None:
        del self.releases[e["batch"], e["index"]]

    def _self_posted(self, e: Arguments) -> None:
        if e["bond"]:
            self.bonds[e["batch"]] = (e["agreement"], e["bond"], self.source)

    def _released(self, e: Arguments) -> None:
        self.releases[e["batch"], e["index"]] = (e["agreement"], e["fees"])

    def _made_good(self, e: Arguments) -> None:
        agreement, fees = self.releases.pop((e["batch"], e["index"]))
        self._given_back(agreement, e["amount"], fees)

    def _given_back(self, agreement: int, amount: int, fees: int) -> None:
        recovery = self._recovery(agreement)
        recovery.due -= min(recovery.due, amount)
        recovery.done += amount
        recovery.done_fees += fees

    def _recovery(self, agreement: int) -> Recovery:
        return self.recoveries.setdefault(agreement, Recovery())

    def _leaf_blocked(self, e: Arguments) -> None:
        self.blocked.setdefault(e["batch"], Blocked()).open.add(e["index"])
        self.challenged[e["batch"], e["index"]] = e["agreement"]
        self.agreements[e["agreement"]].holds += 1

    def _leaf_unblocked(self, e: Arguments) -> None:
        blocked = self.blocked[e["batch"]]
        blocked.open.remove(e["index"])
        if e["end"] == LeafEnd.VOID:
            blocked.void.add(e["index"])
        self.agreements[self.challenged[e["batch"], e["index"]]].holds -= 1
