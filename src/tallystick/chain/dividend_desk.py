"""Reads the dividend vault and what a holder has in it, for `dividend_ops` to decide on, and its statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import load
from tallystick.chain.dividend_ops import Holding, Pool, skipped
from tallystick.chain.dividend_statement import dividend_rows
from tallystick.chain.errors import ContractRefused
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.registry import Deployment
from tallystick.chain.statements import Row, Span, block_times
from tallystick.chain.token_events import DividendVaultClaimed, DividendVaultClaimSkipped
from tallystick.protocol.keys import parse_address

__all__ = ["DividendDesk"]


class DividendDesk:
    """One deployment's dividend vault."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment
        self._vault = deployment.address("DividendVault")
        self._decoder = EventDecoder({"DividendVault": self._vault})

    def pool(self) -> Pool:
        """The vault at the latest block. Raises what the node raises."""
        token, currency = checksum(self._read("TOKEN")), checksum(self._read("CURRENCY"))
        this_week, next_week = self._read("stream")
        received, claimed = self._read("totals")
        test_token = self._deployment.contracts.get("TestTally")
        return Pool(
            vault=self._vault,
            token=token,
            symbol=str(self._node.read(load("TestDollar"), currency, "symbol")),
            faucet=token if test_token is not None and test_token.address == token else None,
            now=self._node.now(),
            exit_delay=int(self._read("EXIT_DELAY")),
            most=int(self._read("MAX_ITEMS")),
            staked=int(self._read("totalStaked")),
            this_week=int(this_week),
            next_week=int(next_week),
            received=int(received),
            claimed=int(claimed),
            pullable=self._pullable(),
        )

    def holding(self, owner: str, pool: Pool | None = None) -> Holding:
        """What `owner` has, at the latest block."""
        owner, pool = checksum(owner, "the holder"), pool or self.pool()
        token, currency = load("TallyToken"), checksum(self._read("CURRENCY"))
        exiting, unlocks_at = self._read("exitingOf", owner)
        earned, claimed = self._read("lifetimeOf", owner)
        return Holding(
            owner=owner,
            pool=pool,
            wallet=int(self._node.read(token, pool.token, "balanceOf", owner)),
            allowance=int(self._node.read(token, pool.token, "allowance", owner, self._vault)),
            coins=int(self._node.read(load("TestDollar"), currency, "balanceOf", owner)),
            staked=int(self._read("stakedOf", owner)),
            exiting=int(exiting),
            unlocks_at=int(unlocks_at),
            claimable=int(self._read("claimable", owner)),
            earned=int(earned),
            claimed=int(claimed),
            payout=checksum(self._read("payoutOf", owner)),
        )

    def sent_by(self, receipts: Sequence[TransactionReceipt], pool: Pool) -> list[str]:
        """What transactions of `claimFor` did, a line a staker."""
        lines = []
        for event in self._decoder.decode_all(log for receipt in receipts for log in receipt.logs):
            if isinstance(event, DividendVaultClaimed):
                staker, to = checksum(event.staker), checksum(event.to)
                lines.append(f"Sent {pool.money(event.amount)} of {staker} to {to}.")
            elif isinstance(event, DividendVaultClaimSkipped):
                lines.append(f"{skipped(checksum(event.staker), event.reason)}.")
        return lines

    def statement(self, holder: str, span: Span) -> list[Row]:
        """The holder's statement up to the latest block, out of the vault's events alone."""
        last = self._node.block_number()
        logs = self._node.all_logs(self._vault, (), self._deployment.first_block, last)
        events = self._decoder.decode_all(logs)
        times = block_times(self._node, [event.place.block for event in events] + [last])
        whose = parse_address(checksum(holder, "the holder"))
        return dividend_rows(events, times, whose, span, times[last])

    def _pullable(self) -> int:
        """µ that `pullFees` would bring; 0 when it would fail."""
        try:
            data = self._node.call(self._vault, load("DividendVault").encode("pullFees"))
        except ContractRefused:
            return 0
        return int.from_bytes(data, "big")

    def _read(self, function: str, *values: Any) -> Any:
        return self._node.read(load("DividendVault"), self._vault, function, *values)
