"""A chain in memory behind JSON-RPC transports: for tests of what sends and reads, without sockets or time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rlp

from tallystick.chain.errors import NodeUnreachable
from tallystick.protocol.hashing import keccak256

__all__ = ["FakeBlock", "FakeChain", "FakeEndpoint", "Sent"]


@dataclass(frozen=True)
class Sent:
    """An EIP-1559 transaction, decoded."""

    hash: bytes
    raw: bytes
    nonce: int
    priority_fee: int
    max_fee: int
    gas: int
    to: bytes
    data: bytes

    @classmethod
    def decode(cls, raw: bytes) -> Sent:
        fields = rlp.decode(raw[1:])
        numbers = [int.from_bytes(value, "big") for value in fields[:5]]
        return cls(keccak256(raw), raw, numbers[1], numbers[2], numbers[3], numbers[4], fields[5], fields[7])


@dataclass
class FakeBlock:
    """`transactions` with their status."""

    number: int
    timestamp: int
    base_fee: int
    fork: int
    transactions: list[tuple[Sent, int]] = field(default_factory=list)

    @property
    def hash(self) -> bytes:
        return keccak256(f"{self.number} {self.fork}".encode())


class FakeChain:
    """Blocks of one sender's transactions. Blocks deeper than `finality` are final."""

    def __init__(self, chain_id: int = 31337, finality: int = 2) -> None:
        self.chain_id = chain_id
        self.finality = finality
        self.base_fee = 10**9
        self.tip = 10**9
        self.fork = 0
        self.fails: Callable[[Sent], bool] = lambda sent: False
        """Whether a transaction is mined with status 0."""
        self.reverts: Callable[[bytes], bytes | None] = lambda data: None
        """Revert data of a call, by its calldata."""
        self.blocks = [FakeBlock(0, 1_000_000, self.base_fee, 0)]

    @property
    def head(self) -> FakeBlock:
        return self.blocks[-1]

    def nonce(self, block: int) -> int:
        return sum(len(each.transactions) for each in self.blocks[: block + 1])

    def mine(self, pool: Sequence[Sent] = (), later: int = 12) -> FakeBlock:
        """A block with those of `pool` whose nonce is next and that pay the base fee; the dearest of each nonce."""
        block = FakeBlock(len(self.blocks), self.head.timestamp + later, self.base_fee, self.fork)
        for sent in sorted(pool, key=lambda one: (one.nonce, -one.max_fee)):
            next_nonce = self.nonce(self.head.number) + len(block.transactions)
            if sent.nonce == next_nonce and sent.max_fee >= self.base_fee:
                block.transactions.append((sent, 0 if self.fails(sent) else 1))
        self.blocks.append(block)
        return block

    def reorg(self, depth: int) -> None:
        """Replaces the newest blocks by empty ones."""
        self.fork += 1
        old = self.blocks[-depth:]
        self.blocks = self.blocks[:-depth]
        for block in old:
            self.blocks.append(FakeBlock(block.number, block.timestamp, block.base_fee, self.fork))

    def number(self, tag: str) -> int:
        if tag == "finalized":
            return max(self.head.number - self.finality, 0)
        return self.head.number if tag in ("latest", "pending") else int(tag, 16)


class FakeEndpoint:
    """One node. `sent` is its pool of transactions; `down`, `send_error` and `answers` break it."""

    def __init__(self, chain: FakeChain, name: str = "http://fake") -> None:
        self.chain = chain
        self.name = name
        self.down = False
        self.drops_sends = False
        self.send_error: dict[str, Any] | None = None
        self.answers: dict[str, Any] = {}
        """Whole answers by method, instead of the right ones."""
        self.sent: list[Sent] = []
        self.asked: list[str] = []

    def close(self) -> None:
        pass

    @property
    def hashes(self) -> list[bytes]:
        return [sent.hash for sent in self.sent]

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        self.asked += [method for method, _ in requests]
        if self.down:
            raise NodeUnreachable(f"{self.name} is down")
        return [self.answers.get(method) or self._answer(method, params) for method, params in requests]

    def _answer(self, method: str, params: Sequence[Any]) -> Mapping[str, Any]:
        chain = self.chain
        if method == "eth_chainId":
            return {"result": hex(chain.chain_id)}
        if method == "eth_getBlockByNumber":
            number = chain.number(params[0])
            return {"result": self._block(chain.blocks[number]) if number < len(chain.blocks) else None}
        if method == "eth_getTransactionCount":
            return {"result": hex(chain.nonce(chain.number(params[1])))}
        if method == "eth_maxPriorityFeePerGas":
            return {"result": hex(chain.tip)}
        if method in ("eth_estimateGas", "eth_call"):
            data = chain.reverts(bytes.fromhex(params[0]["data"][2:]))
            if data is not None:
                return {"error": {"code": 3, "message": "execution reverted", "data": "0x" + data.hex()}}
            return {"result": hex(100_000)}
        if method == "eth_getTransactionReceipt":
            return {"result": self._receipt(bytes.fromhex(params[0][2:]))}
        assert method == "eth_sendRawTransaction", method
        return self._take(Sent.decode(bytes.fromhex(params[0][2:])))

    def _take(self, sent: Sent) -> Mapping[str, Any]:
        if self.send_error is not None:
            return {"error": self.send_error}
        if sent.nonce < self.chain.nonce(self.chain.head.number):
            return {"error": {"code": -32000, "message": "nonce too low: next nonce 9, tx nonce 1"}}
        if sent.hash in self.hashes:
            return {"error": {"code": -32000, "message": "already known"}}
        if not self.drops_sends:
            self.sent.append(sent)
        return {"result": "0x" + sent.hash.hex()}

    def _block(self, block: FakeBlock) -> Mapping[str, Any]:
        return {
            "number": hex(block.number),
            "hash": "0x" + block.hash.hex(),
            "timestamp": hex(block.timestamp),
            "baseFeePerGas": hex(block.base_fee),
        }

    def _receipt(self, hash_: bytes) -> Mapping[str, Any] | None:
        for block in self.chain.blocks:
            for sent, status in block.transactions:
                if sent.hash == hash_:
                    return {
                        "transactionHash": "0x" + hash_.hex(),
                        "blockNumber": hex(block.number),
                        "blockHash": "0x" + block.hash.hex(),
                        "status": hex(status),
                        "gasUsed": hex(90_000),
                        "effectiveGasPrice": hex(sent.max_fee),
                        "logs": [],
                    }
        return None
