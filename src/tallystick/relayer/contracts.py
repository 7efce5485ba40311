"""The contracts as the relayer uses them: calls to sign, and a few reads at the newest block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tallystick.chain.contracts import load
from tallystick.chain.errors import ChainError
from tallystick.chain.node import Node
from tallystick.chain.registry import Deployment
from tallystick.protocol.backing import Item, Signed
from tallystick.protocol.eip712 import BatchHeader, Credential, Receipt, Revocation
from tallystick.protocol.enums import KeyKind
from tallystick.protocol.keys import parse_address, to_checksum

__all__ = ["Contracts", "LeafClaim", "NotTheRelayer", "PostedBatch", "RewardStanding"]

USED: Final = ("Escrow", "ReceiptLedger", "Staking", "PolicyBook", "Credentials")
OPTIONAL: Final = ("Challenges", "Court", "SupplierRewards", "DividendVault")
"""Used where the deployment has them."""
CALLS_AT_ONCE: Final = 100
"""Reads in one JSON-RPC batch."""
NO_ITEM: Final = Item(Receipt(0, 0, 0, 0, bytes(32), False), b"").arguments()


class NotTheRelayer(ChainError):
    """This key or operator cannot post for the policy. Codes: `not_the_relayer`, `not_a_signer`."""


@dataclass(frozen=True)
class PostedBatch:
    """A batch on the chain. `posted_at` in seconds, `value` and `moved` in µ."""

    posted_at: int
    value: int
    moved: int
    figures_hash: bytes
    root: bytes


class LeafClaim(NamedTuple):
    """A posted leaf with its proof, as the Court takes it. `figure`: its 18 bytes."""

    batch: int
    idx: int
    figure: bytes
    output_root: bytes
    proof: tuple[bytes, ...]


class RewardStanding(NamedTuple):
    """An account as `SupplierRewards` has it: µ of fees that count, and µ that a checkpoint would find."""

    fees: int
    waiting: int


class PostingTerms(NamedTuple):
    """µ that may be in flight, µ of it that are not taken yet, and the next batch's nonce."""

    limit: int
    room: int
    nonce: int


class Contracts:
    """Calldata and reads of one deployment."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        names = [*USED, *(name for name in OPTIONAL if name in deployment.contracts)]
        self.addresses = {name: parse_address(deployment.address(name)) for name in names}
        self.first_block = deployment.first_block
        self.escrow = self.addresses["Escrow"]
        self.ledger = self.addresses["ReceiptLedger"]
        self.credentials = self.addresses["Credentials"]
        self.challenges = self.addresses.get("Challenges")
        self.court = self.addresses.get("Court")
        self.rewards = self.addresses.get("SupplierRewards")
        self._ledger = load("ReceiptLedger")
        self._credentials = load("Credentials")
        self._escrow = load("Escrow")

    def listed(
        self, refunds: bool, pokes: bool = False, checkpoints: bool = False
    ) -> frozenset[tuple[bytes, bytes]]:
        """What the engine may sign: post and settle, post and revoke of `Credentials`, answers to challenges and
        proposals to the Court; refundMany, poke and checkpoint when asked to keep refunds, leases and rewards."""
        pairs = {(self.ledger, self._ledger.function(name).selector) for name in ("post", "settle")}
        pairs |= {
            (self.credentials, self._credentials.function(name).selector) for name in ("post", "revoke")
        }
        kept = [name for name, wanted in (("refundMany", refunds), ("poke", pokes)) if wanted]
        pairs |= {(self.escrow, self._escrow.function(name).selector) for name in kept}
        if self.challenges is not None:
            pairs.add((self.challenges, load("Challenges").function("answer").selector))
        if self.court is not None:
            pairs.add((self.court, load("Court").function("propose").selector))
        if self.rewards is not None and checkpoints:
            pairs.add((self.rewards, load("SupplierRewards").function("checkpoint").selector))
        return frozenset(pairs)

    def answer_call(self, batch: int, index: int, item: Item) -> bytes:
        """Calldata of `Challenges.answer`."""
        return load("Challenges").encode("answer", batch, index, item.arguments())

    def propose_call(
        self,
        agreement: int,
        valid_units: int,
        claim: LeafClaim | Item,
        verdicts: Sequence[Signed],
        reason: int,
    ) -> bytes:
        """Calldata of `Court.propose`: verifiers reject a posted leaf, or a receipt that a device signed."""
        if isinstance(claim, Item):
            shown: tuple[Any, ...] = (0, 0, bytes(18), bytes(32), [], claim.arguments())
        else:
            shown = (*claim, NO_ITEM)
        signed = [
            (one.operator, one.verdict.verifier_version, one.verdict.confidence, one.signature)
            for one in verdicts
        ]
        return load("Court").encode("propose", agreement, valid_units, shown, signed, reason)

    def post_call(self, header: BatchHeader, figures: bytes, outputs: bytes) -> bytes:
        """Calldata of `post`. The sender is the one signer, so no further signatures go along."""
        no_signatures: Sequence[bytes] = []
        return self._ledger.encode("post", tuple(header), figures, outputs, no_signatures)

    def settle_call(self, batch: int, figures: bytes) -> bytes:
        """Calldata of `settle`."""
        return self._ledger.encode("settle", batch, figures)

    def refund_call(self, agreement: int) -> bytes:
        """Calldata of `refund`."""
        return self._escrow.encode("refund", agreement)

    def refund_many_call(self, agreements: Sequence[int]) -> bytes:
        """Calldata of `refundMany`, at most 256 agreements."""
        return self._escrow.encode("refundMany", list(agreements))

    def poke_call(self, agreements: Sequence[int]) -> bytes:
        """Calldata of `poke`, at most 256 leases."""
        return self._escrow.encode("poke", list(agreements))

    def credentials_call(self, credentials: Sequence[Credential], signatures: Sequence[bytes]) -> bytes:
        """Calldata of `Credentials.post`, at most 256 credentials."""
        items = [
            one._replace(issuer=to_checksum(one.issuer), subject=to_checksum(one.subject))  # type: ignore[arg-type]
            for one in credentials
        ]
        return self._credentials.encode("post", [tuple(one) for one in items], list(signatures))

    def revoke_call(self, revocations: Sequence[Revocation], signatures: Sequence[bytes]) -> bytes:
        """Calldata of `Credentials.revoke`, at most 256 revocations."""
        items = [
            one._replace(issuer=to_checksum(one.issuer), subject=to_checksum(one.subject))  # type: ignore[arg-type]
            for one in revocations
        ]
        return self._credentials.encode("revoke", [tuple(one) for one in items], list(signatures))

    def checkpoint_call(self, accounts: Sequence[int]) -> bytes:
        """Calldata of `SupplierRewards.checkpoint`, at most 200 accounts."""
        return load("SupplierRewards").encode("checkpoint", list(accounts))

    def reward_standings(self, accounts: Sequence[int]) -> tuple[int, list[RewardStanding]]:
        """µ that still count today, of all accounts together, and how these accounts stand, by the newest block."""
        calls: list[tuple[str, str, tuple[Any, ...]]] = [("SupplierRewards", "schedule", ())]
        calls += [("SupplierRewards", "lifetimeOf", (account,)) for account in accounts]
        schedule, *found = self._read_many(calls)
        return int(schedule[3]), [RewardStanding(int(one[0]), int(one[1])) for one in found]

    def estimate(self, target: bytes, data: bytes, sender: bytes) -> int:
        """Gas that a call would need now. Raises ContractRefused with the contract's reason."""
        return self._node.estimate(to_checksum(target), data, to_checksum(sender))

    def simulate(self, target: bytes, data: bytes, sender: bytes) -> None:
        """Runs a call without sending it. Raises ContractRefused with the contract's reason."""
        self._node.call(to_checksum(target), data, to_checksum(sender))

    def posted(self, batch: int, block: str = "latest") -> PostedBatch | None:
        """A batch as the chain has it at `block` (latest, finalized); None when it was not posted."""
        ledger = to_checksum(self.ledger)
        found = self._node.read(self._ledger, ledger, "batchOf", batch, block=block)
        if found["postedAt"] == 0:
            return None
        return PostedBatch(
            found["postedAt"], found["value"], found["moved"], found["figuresHash"], found["root"]
        )

    def posting_terms(self, policy: int, operator: int) -> PostingTerms:
        """What the next batch must keep to, read at one block."""
        reads = (
            ("PolicyBook", "postingTerms", (policy,)),
            ("Staking", "postingTerms", (operator,)),
            ("ReceiptLedger", "inFlight", (operator,)),
            ("ReceiptLedger", "nextNonce", (policy, operator)),
        )
        terms, (_, free, _), flying, nonce = self._read_many(reads)
        limit = min(int(terms["valueCap"]), int(terms["stakeMultiple"]) * int(free))
        return PostingTerms(limit, max(limit - int(flying), 0), int(nonce))

    def post_grace(self) -> int:
        """Seconds after an agreement's end in which its work may still be posted."""
        return int(self._read("Escrow", "POST_GRACE"))

    def graces(self) -> int:
        """POST_GRACE + SETTLE_GRACE in seconds."""
        return self.post_grace() + self.settle_grace()

    def settle_grace(self) -> int:
        """Seconds for which whatever may be paid stays payable before a refund."""
        return int(self._read("Escrow", "SETTLE_GRACE"))

    def check_relayer(self, policy: int, operator: int, key: bytes, now: int) -> None:
        """Raises NotTheRelayer unless `key` alone can post batches of `policy` as `operator`."""
        relayer = self._read("PolicyBook", "postingTerms", policy)["relayer"]
        if relayer != operator:
            who = f"is posted for by operator {relayer}" if relayer else "does not exist"
            raise NotTheRelayer("not_the_relayer", f"Policy {policy} {who}, not by operator {operator}.")
        if not self._read("Staking", "isKeyValid", operator, KeyKind.SIGNER, to_checksum(key), now):
            raise NotTheRelayer(
                "not_a_signer",
                f"{to_checksum(key)} is no signer key of operator {operator}; authorise it in Staking first.",
            )
        _, _, threshold = self._read("Staking", "postingTerms", operator)
        if threshold > 1:
            raise NotTheRelayer(
                "not_a_signer",
                f"Operator {operator} wants {threshold} signatures a batch; this relayer holds one key only.",
            )

    def _read_many(self, reads: Sequence[tuple[str, str, tuple[Any, ...]]]) -> list[Any]:
        """Results of (contract, function, arguments), in order."""
        calls = [
            (
                "eth_call",
                [{"to": to_checksum(self.addresses[name]), "data": _hex(name, function, values)}, "latest"],
            )
            for name, function, values in reads
        ]
        answers: list[str] = []
        for start in range(0, len(calls), CALLS_AT_ONCE):
            answers += self._node.batch(calls[start : start + CALLS_AT_ONCE])
        return [
            load(name).decode(function, bytes.fromhex(answer[2:]))
            for (name, function, _), answer in zip(reads, answers, strict=True)
        ]

    def _read(self, name: str, function: str, *values: Any) -> Any:
        return self._node.read(load(name), to_checksum(self.addresses[name]), function, *values)


def _hex(name: str, function: str, values: Sequence[Any]) -> str:
    return "0x" + load(name).encode(function, *values).hex()
