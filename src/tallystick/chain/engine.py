"""The transaction engine: what is asked for once is mined once, whatever fails in between.

Five rules (SERVICE section 3). A logical transaction has many attempts, and its nonce and signed bytes are
committed before the first broadcast. The next nonce comes from database and chain together. Fees rise by 10 %
or more a replacement up to a cap, where the last bytes are broadcast again and again. Answers of nodes are
understood, not retried blindly. Only listed targets and selectors are ever signed.

States: queued -> sent -> mined -> final, or reverted when the mined one had failed; refused when its
simulation failed before it was signed. A reorg takes mined back to sent. Whoever asked reads the state and
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tallystick.protocol.keys import parse_address, to_checksum

from .errors import ChainError, ContractRefused, NodeRefused, NodeUnreachable
from .fees import FeeLimits, GasFees, first_fees, market_fees, replacement_fees
from .node import Node, answer_error
from .rpc import Head, RpcPool, SendAnswer, SendOutcome
from .signers import TransactionSigner

__all__ = [
    "Attempt", "EngineLimits", "Intent", "Logical", "NotListed", "TransactionEngine", "TransactionStore",
]  # fmt: skip

QUEUED: Final = "queued"
SENT: Final = "sent"
MINED: Final = "mined"
FINAL: Final = "final"
REVERTED: Final = "reverted"
REFUSED: Final = "refused"

TRANSACTION_GAS_CAP: Final = 16_777_216
"""EIP-7825."""

REQUESTS_AT_ONCE: Final = 100
"""Requests in one JSON-RPC batch: nodes refuse longer ones (geth above 1 000, public endpoints above fewer)."""


class NotListed(ChainError):
    """A transaction that this engine does not sign. Code `not_listed`."""

    def __init__(self, message: str) -> None:
        super().__init__("not_listed", message)


@dataclass(frozen=True)
class Intent:
    """What is asked for: one call, once. `key` names it for ever; asking again with it does nothing.

    `gas_limit` is estimated when left out, just before signing.
    """

    key: str
    kind: str
    target: bytes
    data: bytes
    gas_limit: int | None = None


@dataclass(frozen=True)
class Attempt:
    """Signed bytes of a logical transaction. `block` was the newest one then; times by the chain's clock."""

    nonce: int
    hash: bytes
    raw: bytes
    fees: GasFees
    block: int
    created_at: int
    sent_at: int | None = None


@dataclass(frozen=True)
class Logical:
    """A logical transaction as the store keeps it, attempts oldest first."""

    id: int
    key: str
    kind: str
    target: bytes
    data: bytes
    gas_limit: int | None
    nonce: int | None
    state: str
    receipt: Mapping[str, Any] | None = None
    problem: str = ""
    created_at: int = 0
    attempts: tuple[Attempt, ...] = field(default=())


class TransactionStore(Protocol):
    """Where the engine keeps its transactions; each call is durable when it returns."""

    def unfinished(self) -> list[Logical]:
        """Those that are queued, sent or mined, in the order of their asking, with attempts."""

    def highest_nonce(self) -> int | None:
        """The highest nonce that was ever signed for."""

    def add_attempt(self, transaction: int, gas_limit: int, attempt: Attempt) -> None:
        """Keeps signed bytes and their nonce; the transaction is now sent, as far as anybody can know."""

    def mark_sent(self, attempt: bytes, at: int) -> None:
        """A node has the attempt with this hash."""

    def mark_mined(self, transaction: int, receipt: Mapping[str, Any]) -> None:
        """It is in a block: see `receipt_of` for the fields."""

    def mark_unmined(self, transaction: int) -> None:
        """A reorg took it out of its block: sent again."""

    def finish(self, transaction: int, state: str, problem: str = "") -> None:
        """It is final, reverted or refused."""

    def give_up_nonce(self, transaction: int) -> None:
        """Its nonce went to a stranger's transaction for good: queued again."""

    def note(self, transaction: int, problem: str) -> None:
        """Why it does not move, for people to read."""


class Notice(Protocol):
    """Told of everything that happens."""

    def __call__(self, event: str, **details: Any) -> None: ...


def _unnoticed(event: str, **details: Any) -> None:
    """The notice of those who do not want any."""


def _go_on(place: str) -> None:
    """Commit points matter to tests, which stop there."""


@dataclass(frozen=True)
class EngineLimits:
    """`in_flight`: signed but not mined at a time. `confirmations`: depth besides the finalized tag."""

    fees: FeeLimits = field(default_factory=FeeLimits)
    in_flight: int = 8
    confirmations: int = 1


class TransactionEngine:
    """Drives the transactions of one key. Call `step` with every new head, and again after a failure.

    One at a time: whoever runs it holds the lock beside the database.
    """

    def __init__(
        self,
        pool: RpcPool,
        signer: TransactionSigner,
        store: TransactionStore,
        listed: frozenset[tuple[bytes, bytes]],
        *,
        limits: EngineLimits | None = None,
        notice: Notice = _unnoticed,
        reached: Callable[[str], None] = _go_on,
    ) -> None:
        """`listed`: (target, selector) pairs that may be signed. `reached` is told of every commit point."""
        self._pool = pool
        self._node: Node = pool.node
        self._signer = signer
        self._store = store
        self._listed = listed
        self._limits = limits or EngineLimits()
        self._notice = notice
        self._reached = reached
        self._broadcast_at: dict[bytes, bytes] = {}
        self._observed: bytes | None = None
        self.sender: bytes = parse_address(signer.address)

    def check(self, target: bytes, data: bytes) -> None:
        """Raises NotListed unless this call may be signed."""
        if (target, data[:4]) not in self._listed:
            raise NotListed(
                f"calls of 0x{data[:4].hex()} at {to_checksum(target)} are not listed for signing"
            )

    def step(self, head: Head) -> None:
        """Looks after everything unfinished: receipts, finality, broadcasts, replacements, new signatures.

        Raises ChainError when the chain cannot be read; what was done until then stands.
        """
        pending = self._store.unfinished()
        if not pending:
            self._broadcast_at.clear()
            return
        signed = [one for one in pending if one.state != QUEUED]
        waiting = [one for one in signed if one.state == SENT]
        if signed and not self._all_is_said(waiting, head):
            waiting = self._observe(signed, head)
            for one in waiting:
                self._push(one, head)
            self._observed = head.hash
        room = self._limits.in_flight - len(waiting)
        for one in [one for one in pending if one.state == QUEUED][: max(room, 0)]:
            self._sign_first(one, head)

    def _all_is_said(self, waiting: Sequence[Logical], head: Head) -> bool:
        """Whether this head was looked at, and all that waits was broadcast under it: until the next, nothing new."""
        return self._observed == head.hash and all(
            self._broadcast_at.get(one.attempts[-1].hash) == head.hash for one in waiting
        )

    # Receipts and finality

    def _observe(self, signed: Sequence[Logical], head: Head) -> list[Logical]:
        """Reads receipts of all attempts, then the nonces. Returns those whose nonce is not used yet."""
        hashes = [(one, attempt.hash) for one in signed for attempt in reversed(one.attempts)]
        requests: list[tuple[str, Sequence[Any]]] = [
            ("eth_getTransactionReceipt", ["0x" + hash_.hex()]) for _, hash_ in hashes
        ]
        requests += [
            ("eth_getBlockByNumber", ["finalized", False]),
            ("eth_getTransactionCount", [self._signer.address, "finalized"]),
            ("eth_getTransactionCount", [self._signer.address, "latest"]),
        ]
        answers = self._results(requests)
        finalized = int(answers[-3]["number"], 16)
        final_nonce, next_nonce = int(answers[-2], 16), int(answers[-1], 16)
        found: dict[int, Mapping[str, Any]] = {}
        for (one, _), answer in zip(hashes, answers, strict=False):
            if answer is not None and one.id not in found:
                found[one.id] = receipt_of(answer)
        waiting = []
        for one in signed:
            receipt = found.get(one.id)
            if receipt is not None:
                self._mined(one, receipt, head, finalized)
                continue
            if one.state == MINED:
                self._store.mark_unmined(one.id)
                self._notice("transaction_reorged", key=one.key, kind=one.kind)
                self._reached("engine.unmined")
            assert one.nonce is not None
            if final_nonce > one.nonce and self._nonce_is_lost(one, one.nonce):
                self._store.give_up_nonce(one.id)
                self._notice("nonce_lost", key=one.key, kind=one.kind, nonce=one.nonce)
                self._reached("engine.nonce_lost")
            elif next_nonce <= one.nonce:
                waiting.append(one)
            # Else something of this nonce is in a block that is not final: its receipt, or finality, will tell.
        return waiting

    def _nonce_is_lost(self, one: Logical, nonce: int) -> bool:
        """Asks once more, all at one endpoint: it may have been mined, and its nonce spent, between two answers."""
        requests: list[tuple[str, Sequence[Any]]] = [
            ("eth_getTransactionReceipt", ["0x" + each.hash.hex()]) for each in one.attempts
        ]
        requests.append(("eth_getTransactionCount", [self._signer.address, "finalized"]))
        *receipts, count = self._results(requests)
        return int(count, 16) > nonce and all(answer is None for answer in receipts)

    def _mined(self, one: Logical, receipt: Mapping[str, Any], head: Head, finalized: int) -> None:
        if one.state != MINED or one.receipt is None or one.receipt["blockHash"] != receipt["blockHash"]:
            block = self._pool.head(receipt["block"])
            if "0x" + block.hash.hex() != receipt["blockHash"]:
                return  # between two forks: look again at the next step
            receipt = {**receipt, "timestamp": block.timestamp}
            self._store.mark_mined(one.id, receipt)
            self._notice("transaction_mined", key=one.key, kind=one.kind, **_public(receipt))
            self._reached("engine.mined")
        else:
            receipt = one.receipt
        deep = head.number - receipt["block"] + 1 >= self._limits.confirmations
        if receipt["block"] > finalized or not deep:
            return
        if "0x" + self._pool.head(receipt["block"]).hash.hex() != receipt["blockHash"]:
            return
        if receipt["status"] == 1:
            self._store.finish(one.id, FINAL)
            self._notice("transaction_final", key=one.key, kind=one.kind, **_public(receipt))
        else:
            problem = self._why_it_failed(one, receipt)
            self._store.finish(one.id, REVERTED, problem)
            self._notice("transaction_reverted", key=one.key, kind=one.kind, problem=problem)
        self._reached("engine.final")

    def _why_it_failed(self, one: Logical, receipt: Mapping[str, Any]) -> str:
        if one.gas_limit is not None and receipt["gasUsed"] >= one.gas_limit:
            return f"out_of_gas: it used all of its {one.gas_limit} gas"
        try:
            self._node.call(to_checksum(one.target), one.data, self._signer.address, receipt["block"] - 1)
        except ContractRefused as refusal:
            return f"{refusal.code}: {refusal.message}"
        except ChainError:
            pass
        return f"reverted: it failed in block {receipt['block']}"

    # Broadcasts

    def _push(self, one: Logical, head: Head) -> None:
        """Replaces or broadcasts again what is in no block; once a head, unless no node answered."""
        newest = one.attempts[-1]
        limits = self._limits.fees
        old_enough = head.timestamp - newest.created_at >= limits.seconds
        if old_enough and head.number - newest.block >= limits.blocks:
            fees = replacement_fees(newest.fees, self._market(head), limits.cap)
            if fees is not None:
                self._sign(one, newest.nonce, one.gas_limit or TRANSACTION_GAS_CAP, fees, head)
                return
        if self._broadcast_at.get(newest.hash) != head.hash:
            self._broadcast(one, newest, head)

    def _sign_first(self, one: Logical, head: Head) -> None:
        try:
            self.check(one.target, one.data)
            gas_limit = one.gas_limit or self._estimate(one)
        except (ContractRefused, NotListed) as refusal:
            problem = f"{refusal.code}: {refusal.message}"
            self._store.finish(one.id, REFUSED, problem)
            self._notice("transaction_refused", key=one.key, kind=one.kind, problem=problem)
            self._reached("engine.refused")
            return
        except NodeRefused as refusal:  # others need not wait for it
            self._tell_problem(one, refusal.message)
            return
        fees = first_fees(self._market(head), self._limits.fees.cap)
        self._sign(one, self._next_nonce(), gas_limit, fees, head)

    def _estimate(self, one: Logical) -> int:
        """Simulates the call and adds a reserve to its gas. Raises ContractRefused when it would revert."""
        gas = self._node.estimate(to_checksum(one.target), one.data, self._signer.address)
        return min(gas + gas // 5 + 10_000, TRANSACTION_GAS_CAP)

    def _next_nonce(self) -> int:
        """The chain's and the database's next nonce, whichever is higher."""
        signed = self._store.highest_nonce()
        chain = self._node.nonce(self._signer.address, "latest")
        return chain if signed is None else max(chain, signed + 1)

    def _market(self, head: Head) -> GasFees:
        try:
            tip = int(self._node.request("eth_maxPriorityFeePerGas"), 16)
        except NodeUnreachable:
            raise
        except ChainError:
            tip = 1  # a node that has no opinion
        return market_fees(head.base_fee, tip)

    def _sign(self, one: Logical, nonce: int, gas_limit: int, fees: GasFees, head: Head) -> None:
        """Signs, commits, then broadcasts: in this order."""
        signed = self._signer.sign_transaction(
            {
                "chainId": self._pool.chain_id,
                "nonce": nonce,
                "to": to_checksum(one.target),
                "data": one.data,
                "value": 0,
                "gas": gas_limit,
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.priority_fee,
            }
        )
        attempt = Attempt(
            nonce, bytes.fromhex(signed.hash[2:]), signed.raw, fees, head.number, head.timestamp
        )
        self._reached("engine.before_signed")
        self._store.add_attempt(one.id, gas_limit, attempt)
        event = "transaction_replaced" if one.attempts else "transaction_signed"
        self._notice(event, key=one.key, kind=one.kind, nonce=nonce, hash=signed.hash, max_fee=fees.max_fee)
        self._reached("engine.signed")
        self._broadcast(one, attempt, head)

    def _broadcast(self, one: Logical, attempt: Attempt, head: Head) -> None:
        answers = self._pool.send_raw(attempt.raw)
        if any(answer.outcome is not SendOutcome.UNKNOWN for answer in answers):
            self._broadcast_at[attempt.hash] = head.hash
        self._reached("engine.broadcast")
        if any(answer.arrived for answer in answers):
            if attempt.sent_at is None:
                self._store.mark_sent(attempt.hash, head.timestamp)
                self._reached("engine.sent")
            return
        self._not_taken(one, answers)

    def _not_taken(self, one: Logical, answers: Sequence[SendAnswer]) -> None:
        """No node took it now. Nothing is concluded but what to tell people: receipts and nonces decide."""
        if any(answer.outcome is SendOutcome.NONCE_TOO_LOW for answer in answers):
            return  # mined already, most likely; the next step sees the receipt
        problem = "; ".join(f"{answer.outcome}: {answer.message}" for answer in answers)[:500]
        if problem != one.problem:
            self._store.note(one.id, problem)
        self._notice("transaction_not_taken", key=one.key, kind=one.kind, problem=problem)

    def _tell_problem(self, one: Logical, problem: str) -> None:
        """Once: it is asked again in every round."""
        if problem[:500] != one.problem:
            self._store.note(one.id, problem[:500])
            self._notice("transaction_not_taken", key=one.key, kind=one.kind, problem=problem[:500])

    def _results(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers: list[Mapping[str, Any]] = []
        for start in range(0, len(requests), REQUESTS_AT_ONCE):
            answers += self._pool.exchange(requests[start : start + REQUESTS_AT_ONCE])
        for answer, (method, _) in zip(answers, requests, strict=True):
            if answer.get("error"):
                raise answer_error(answer["error"], method, self._pool.name)
        return [answer["result"] for answer in answers]


def receipt_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A node's receipt, reduced to what is kept. `gasUsed` in gas, `effectiveGasPrice` in wei per gas."""
    return {
        "hash": answer["transactionHash"],
        "block": int(answer["blockNumber"], 16),
        "blockHash": answer["blockHash"],
        "status": int(answer["status"], 16),
        "gasUsed": int(answer["gasUsed"], 16),
        "effectiveGasPrice": int(answer.get("effectiveGasPrice") or "0x0", 16),
    }


def _public(receipt: Mapping[str, Any]) -> dict[str, Any]:
    return {"hash": receipt["hash"], "block": receipt["block"], "gas_used": receipt["gasUsed"]}
