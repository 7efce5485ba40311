"""PROTOCOL 11.11 on the token's side: events alone rebuild rewards and dividends. These books read nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tallystick.protocol.accounting.dividends import Staker
from tallystick.protocol.accounting.rewards import Supplier
from tallystick.protocol.model import ZERO_ADDRESS, Model
from tests.support.evm import Log


@dataclass
class TokenBooks:
    """By account, member and staker; µ and TALLY-wei."""

    rewards: str
    vault: str
    counted: Counter[int] = field(default_factory=Counter)
    credited: Counter[int] = field(default_factory=Counter)
    forfeited: Counter[int] = field(default_factory=Counter)
    claimed: Counter[int] = field(default_factory=Counter)
    shares: Counter[tuple[int, int]] = field(default_factory=Counter)
    rate: int | None = None
    staked: Counter[str] = field(default_factory=Counter)
    exiting: Counter[str] = field(default_factory=Counter)
    dividends: Counter[str] = field(default_factory=Counter)
    payouts: dict[str, str] = field(default_factory=dict)
    received: int = 0

    def read(self, log: Log) -> None:
        """Takes in an event of the two."""
        if log.address == self.rewards:
            self._of_rewards(log)
        elif log.address == self.vault:
            self._of_vault(log)

    def compare(self, model: Model) -> None:
        """What they rebuilt is what the model's books say."""
        rewards, vault = model.rewards, model.dividend_vault
        for number in range(1, model.escrow.account_count() + 1):
            found = rewards.suppliers.get(number, Supplier())
            told = (self.counted[number], self.credited[number], self.forfeited[number], self.claimed[number])
            assert told == (found.fees, found.credited, found.forfeited, found.claimed), number
        assert +self.shares == +rewards.shares
        assert self.rate in (None, rewards.rate)
        for staker in vault.stakers.keys() | self.staked.keys():
            of = vault.stakers.get(staker, Staker())
            held = (self.staked[staker], self.exiting[staker], self.dividends[staker])
            assert held == (of.staked, of.exiting, of.claimed), staker
            assert self.payouts.get(staker, ZERO_ADDRESS) == of.payout, staker
        assert self.received == vault.received

    def _of_rewards(self, log: Log) -> None:
        e = log.args
        match log.name:
            case "Checkpointed":
                self.counted[e["account"]] += e["fees"]
                self.credited[e["account"]] += e["amount"]
            case "Forfeited":
                self.counted[e["account"]] -= e["fees"]
                self.forfeited[e["account"]] += e["amount"]
            case "RewardsClaimed":
                self.claimed[e["account"]] += e["amount"]
            case "RewardShareClaimed":
                self.claimed[e["account"]] += e["amount"]
                self.shares[e["account"], e["index"]] += e["amount"]
            case "RateLowered":
                self.rate = e["rate"]

    def _of_vault(self, log: Log) -> None:
        e = log.args
        match log.name:
            case "Staked":
                self.staked[e["staker"]] += e["amount"]
            case "ExitStarted":
                self.staked[e["staker"]] -= e["amount"]
                self.exiting[e["staker"]] += e["amount"]
            case "Withdrawn":
                self.exiting[e["staker"]] -= e["amount"]
            case "Claimed":
                self.dividends[e["staker"]] += e["amount"]
            case "PayoutSet":
                self.payouts[e["staker"]] = e["payout"]
            case "FeesReceived":
                self.received += e["amount"]
