"""Reads suppliers' rewards and what an owner earns by them, for `reward_ops` to decide on, and their statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import eth_abi

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.event_types import EscrowSplitCreated, Event
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.provider_desk import ProviderDesk
from tallystick.chain.registry import Deployment
from tallystick.chain.reward_ops import AccountRewards, Rewards, Schedule, Share, account_rewards
from tallystick.chain.reward_statement import histories, reward_rows
from tallystick.chain.sentences import utc
from tallystick.chain.statements import Row, Span, block_times
from tallystick.chain.token_events import (
    SupplierRewardsCheckpointCapped,
    SupplierRewardsCheckpointed,
    SupplierRewardsForfeited,
    SupplierRewardsRewardsClaimed,
    SupplierRewardsRewardShareClaimed,
)
from tallystick.protocol.accounting.rewards import Supplier
from tallystick.protocol.amounts import format_tally
from tallystick.protocol.constants import DAY
from tallystick.protocol.hashing import keccak256

__all__ = ["RewardDesk"]

_AT_ONCE = 100  # accounts in one exchange


class RewardDesk:
    """One deployment's rewards."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment
        self._rewards = deployment.address("SupplierRewards")
        self._escrow = deployment.address("Escrow")
        self._owners = ProviderDesk(node, deployment)

    def schedule(self) -> Schedule:
        """The network's emission at the latest block. Raises what the node raises."""
        rate, first_rate, counted, left_today = self._read("schedule")
        credited, forfeited, minted = self._read("totals")
        currency = self._node.read(load("Escrow"), self._escrow, "CURRENCY")
        return Schedule(
            rewards=self._rewards,
            symbol=str(self._node.read(load("TestDollar"), currency, "symbol")),
            now=self._node.now(),
            most=int(self._read("MAX_ITEMS")),
            rate=int(rate),
            first_rate=int(first_rate),
            counted=int(counted),
            left_today=int(left_today),
            daily_fees=int(self._read("DAILY_FEES")),
            halving=int(self._read("HALVING")),
            vesting=int(self._read("VESTING")),
            credited=int(credited),
            forfeited=int(forfeited),
            minted=int(minted),
        )

    def rewards(self, owner: str, shares: bool = True) -> Rewards:
        """What `owner` earns. `shares`: its places in splits, too."""
        owner, schedule = checksum(owner, "the owner"), self.schedule()
        books = histories(self._events())
        own = self.accounts(self._owners.accounts_of(owner), schedule, books)
        token = checksum(self._read("TOKEN"))
        return Rewards(
            owner=owner,
            schedule=schedule,
            accounts=tuple(own),
            shares=tuple(self._shares(owner, schedule, books)) if shares else (),
            wallet=int(self._node.read(load("TallyToken"), token, "balanceOf", owner)),
        )

    def accounts(
        self, numbers: Iterable[int], schedule: Schedule, books: Mapping[int, Supplier] | None = None
    ) -> list[AccountRewards]:
        """Accounts of whomever. Raises OperatorRefusal `unknown_account`."""
        wanted = list(dict.fromkeys(numbers))
        last = self.account_count()
        for number in wanted:
            if not 1 <= number <= last:
                raise OperatorRefusal("unknown_account", f"there is no account {number}; there are {last}")
        known = histories(self._events()) if books is None else books
        found = []
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            lives, dues = self._many("lifetimeOf", part), self._many("claimable", part)
            found += [
                account_rewards(number, life, due, known.get(number, Supplier()), schedule)
                for number, life, due in zip(part, lives, dues, strict=True)
            ]
        return found

    def account_count(self) -> int:
        """How many accounts the Escrow has; their numbers begin at 1."""
        return int(self._node.read(load("Escrow"), self._escrow, "accountCount"))

    def accounts_of(self, owner: str) -> list[int]:
        """Numbers of the accounts that `owner` has."""
        return self._owners.accounts_of(checksum(owner, "the owner"))

    def share(
        self, account: int, index: int, members: Sequence[str], weights: Sequence[int], schedule: Schedule
    ) -> Share:
        """A member's place in a split. Raises OperatorRefusal `wrong_split` when this is not what it is made of."""
        listed = tuple(checksum(member, "a member") for member in members)
        content = self._node.read(load("Escrow"), self._escrow, "splitContent", account)
        if len(listed) != len(weights) or bytes(content) != _content(listed, weights):
            text = f"these are not the members and weights of account {account}, in their order"
            raise OperatorRefusal("wrong_split", text)
        (whole,) = self.accounts([account], schedule)
        return self._share(account, index, listed, tuple(weights), whole)

    def news(self, receipts: Sequence[TransactionReceipt], schedule: Schedule) -> list[str]:
        """What checkpoints and claims in the transactions did, a line each."""
        lines = []
        vault = self._deployment.address("DividendVault")
        decoder = EventDecoder({"SupplierRewards": self._rewards})
        for event in decoder.decode_all(log for receipt in receipts for log in receipt.logs):
            match event:
                case SupplierRewardsCheckpointed(account=number, day=day, fees=fees, amount=amount):
                    lines.append(
                        f"Account {number}: {schedule.money(fees)} of fees count and bring {format_tally(amount)}, "
                        f"which vest from {utc((day + 1) * DAY)} on."
                    )
                case SupplierRewardsCheckpointCapped(account=number, waiting=waiting):
                    lines.append(
                        f"Account {number}: {schedule.money(waiting)} of fees wait for a later day: this one is full."
                    )
                case SupplierRewardsForfeited(account=number, fees=fees, amount=amount):
                    lines.append(
                        f"Account {number}: {schedule.money(fees)} of fees were overturned; {format_tally(amount)} "
                        "that they had brought are not owed any more."
                    )
                case SupplierRewardsRewardsClaimed(account=number, to=to, amount=amount):
                    staked = checksum(to) == vault
                    where = "were staked in the dividend vault" if staked else f"went to {checksum(to)}"
                    lines.append(f"Account {number}: {format_tally(amount)} {where}.")
                case SupplierRewardsRewardShareClaimed(account=number, index=index, to=to, amount=amount):
                    lines.append(
                        f"Account {number}, member {index}: {format_tally(amount)} went to {checksum(to)}."
                    )
        return lines

    def statement(self, owner: str, account: int | None, span: Span) -> list[Row]:
        """The statement of one account, or of all that `owner` has or shares, up to the latest block."""
        if account is None:
            shared = [split.account for split in self._splits() if checksum(owner) in _members(split)]
            numbers = {*self.accounts_of(owner), *shared}
        elif not 1 <= account <= self.account_count():
            raise OperatorRefusal("unknown_account", f"there is no account {account}")
        else:
            numbers = {account}
        last = self._node.block_number()
        events = self._events(last)
        times = block_times(self._node, [event.place.block for event in events] + [last])
        return reward_rows(events, times, numbers, span, int(self._read("VESTING")), times[last])

    def _events(self, last: int | None = None) -> list[Event]:
        decoder = EventDecoder({"SupplierRewards": self._rewards})
        return decoder.decode_all(self._node.all_logs(self._rewards, (), self._deployment.first_block, last))

    def _splits(self) -> list[EscrowSplitCreated]:
        topic = "0x" + load("Escrow").events["SplitCreated"].digest.hex()
        logs = self._node.all_logs(self._escrow, [topic], self._deployment.first_block)
        found = EventDecoder({"Escrow": self._escrow}).decode_all(logs)
        return [event for event in found if isinstance(event, EscrowSplitCreated)]

    def _shares(self, owner: str, schedule: Schedule, books: Mapping[int, Supplier]) -> list[Share]:
        places = [
            (split, index)
            for split in self._splits()
            for index, member in enumerate(_members(split))
            if member == owner
        ]
        wholes = {
            one.account: one for one in self.accounts([split.account for split, _ in places], schedule, books)
        }
        return [
            self._share(split.account, index, _members(split), split.weights, wholes[split.account])
            for split, index in places
        ]

    def _share(
        self,
        account: int,
        index: int,
        members: tuple[str, ...],
        weights: tuple[int, ...],
        whole: AccountRewards,
    ) -> Share:
        return Share(
            account=account,
            index=index,
            members=members,
            weights=weights,
            claimable=int(self._read("claimableShare", account, index, list(weights))),
            claimed=int(self._read("shareClaimed", account, index)),
            whole=whole,
        )

    def _many(self, function: str, numbers: Sequence[int]) -> list[Any]:
        contract = load("SupplierRewards")
        calls = [
            (
                "eth_call",
                [{"to": self._rewards, "data": "0x" + contract.encode(function, number).hex()}, "latest"],
            )
            for number in numbers
        ]
        return [contract.decode(function, bytes.fromhex(answer[2:])) for answer in self._node.batch(calls)]

    def _read(self, function: str, *values: Any) -> Any:
        return self._node.read(load("SupplierRewards"), self._rewards, function, *values)


def _members(split: EscrowSplitCreated) -> tuple[str, ...]:
    return tuple(checksum(member) for member in split.members)


def _content(members: Sequence[str], weights: Sequence[int]) -> bytes:
    """What the Escrow keeps of a split."""
    return keccak256(eth_abi.encode(["address[]", "uint32[]"], [list(members), list(weights)]))
