"""Reads what an owner has on the chain, for `provider_ops` to decide on, and sends what it decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import load
from tallystick.chain.errors import NodeRefused
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.provider_ops import Action, Addresses, Earnings, Position, Stake
from tallystick.chain.registry import Deployment
from tallystick.chain.sender import Sender
from tallystick.protocol.enums import HardwareClass, KeyKind

__all__ = ["ProviderDesk", "send_all"]

_AT_ONCE = 200  # calls in one exchange


class ProviderDesk:
    """One deployment, seen by an owner."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment
        self._escrow = deployment.address("Escrow")
        self._staking = deployment.address("Staking")

    def position(self, owner: str) -> Position:
        """Everything that `owner` has, at the latest block. Raises what the node raises."""
        owner = checksum(owner, "owner")
        currency = checksum(self._node.read(load("Escrow"), self._escrow, "CURRENCY"))
        dollar = load("TestDollar")
        operators = self._owned("Staking", "Registered", owner)
        accounts = self.accounts_of(owner)
        return Position(
            owner=owner,
            addresses=Addresses(self._staking, self._escrow, currency, self._faucet(currency)),
            now=self._node.now(),
            thaw=int(self._node.read(load("Staking"), self._staking, "THAW_PERIOD")),
            symbol=str(self._node.read(dollar, currency, "symbol")),
            wallet=int(self._node.read(dollar, currency, "balanceOf", owner)),
            allowance=int(self._node.read(dollar, currency, "allowance", owner, self._staking)),
            stakes=tuple(self._stake(number) for number in operators),
            earnings=tuple(self._earnings(number) for number in accounts),
        )

    def accounts_of(self, owner: str) -> list[int]:
        """Numbers of the accounts that `owner` (checksummed) has in the Escrow."""
        return self._owned("Escrow", "AccountCreated", owner)

    def device_known(self, operator: int, key: str) -> bool:
        """Whether a device key was ever authorised for an operator."""
        arguments = (operator, int(KeyKind.DEVICE), key)
        return bool(self._node.read(load("Staking"), self._staking, "keyValidity", *arguments)["validFrom"])

    def _faucet(self, currency: str) -> str | None:
        record = self._deployment.contracts.get("TestDollar")
        return record.address if record is not None and record.address == currency else None

    def _stake(self, number: int) -> Stake:
        view = self._node.read(load("Staking"), self._staking, "get", number)
        minimum = int(self._node.read(load("Staking"), self._staking, "minimumStake", view["roles"]))
        return Stake(
            operator=number,
            owner=checksum(view["owner"]),
            roles=view["roles"],
            hardware=HardwareClass(view["hardwareClass"]),
            region=view["region"],
            free=view["free"],
            pledged=view["pledged"],
            reserved=view["reserved"],
            thawing=view["thawing"],
            thaw_ends=view["thawEnds"],
            minimum=minimum,
        )

    def _earnings(self, number: int) -> Earnings:
        received, claimed, _ = self._node.read(load("Escrow"), self._escrow, "earningsOf", number)
        return Earnings(number, received, claimed)

    def _owned(self, contract: str, event: str, owner: str) -> list[int]:
        """Numbers of the operators or accounts that `owner` registered; both never change hands."""
        topics = ["0x" + load(contract).events[event].digest.hex(), None, "0x" + owner[2:].lower().zfill(64)]
        address, start = self._deployment.address(contract), self._deployment.first_block
        try:
            return [int(log["topics"][1], 16) for log in self._node.logs(address, topics, start)]
        except NodeRefused:
            return self._owned_by_asking(contract, address, owner)

    def _owned_by_asking(self, contract: str, address: str, owner: str) -> list[int]:
        """The same for nodes that refuse to search many blocks for events: every number's owner is asked
        for."""
        count = {"Staking": "count", "Escrow": "accountCount"}[contract]
        last, found = int(self._node.read(load(contract), address, count)), []
        for start in range(1, last + 1, _AT_ONCE):
            numbers = range(start, min(last, start + _AT_ONCE - 1) + 1)
            calls: list[tuple[str, Sequence[Any]]] = [
                ("eth_call", [_view(address, load(contract).encode("ownerOf", number)), "latest"])
                for number in numbers
            ]
            answers = self._node.batch(calls)
            found += [
                n for n, answer in zip(numbers, answers, strict=True) if answer[-40:] == owner[2:].lower()
            ]
        return found


def _view(address: str, data: bytes) -> dict[str, str]:
    return {"to": address, "data": "0x" + data.hex()}


def send_all(
    actions: Sequence[Action], sender: Sender, say: Callable[[str], None] = lambda _: None
) -> list[TransactionReceipt]:
    """Sends transactions one after the other, saying when each is done. Raises ContractRefused,
    TransactionFailed."""
    receipts = []
    for action in actions:
        receipt = sender.send(action.to, action.data)
        say(f"Done: transaction {receipt.transaction}, {receipt.gas_used} gas.")
        receipts.append(receipt)
    return receipts
