"""`ReceiptLedger`: posted batches, their windows, and what may be settled."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from .. import merkle
from ..constants import FIGURE_BYTES, MAX_BATCH_LEAVES, OUTPUT_BYTES
from ..eip712 import BatchHeader, batch_number
from ..enums import KeyKind, Role
from ..errors import Refused
from ..figures import batch_root, decode_figures, figures_hash, leaf_hash
from .agreements import Escrow
from .policies import PolicyBook
from .records import Settlement, SettleOrder
from .staking import Staking
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Batch:
    """A posted batch; `value` and `moved` in µ of gross + customer fee."""

    posted_at: int
    policy: int
    leaves: int
    relayer: int
    value: int
    root: bytes
    figures_hash: bytes
    moved: int = 0
    retired: bool = False


@dataclass
class ReceiptLedger:
    """Batches by number (policy 16 | operator 32 | nonce 48)."""

    address: Address
    escrow: Escrow
    staking: Staking
    policy_book: PolicyBook
    batches: dict[int, Batch] = field(default_factory=dict)
    nonces: dict[tuple[int, int], int] = field(default_factory=dict)
    flying: dict[int, int] = field(default_factory=dict)

    # Reads

    def next_nonce(self, policy: int, operator: int) -> int:
        """The nonce of the next batch of `operator` under `policy`."""
        return self.nonces.get((policy, operator), 0)

    def in_flight(self, operator: int) -> int:
        """µ declared by the operator's batches that are not yet retired."""
        return self.flying.get(operator, 0)

    def settleable_at(self, batch: int) -> int:
        """When a batch can be settled."""
        found = self.batches.get(batch)
        if found is None:
            raise Refused("ReceiptLedger_UnknownBatch", f"There is no batch {batch}.")
        return found.posted_at + self.policy_book.get(found.policy).challenge_window

    # Writes

    def post(
        self,
        header: BatchHeader,
        figures: bytes,
        outputs: bytes,
        signers: Sequence[Address] = (),
        *,
        caller: Address,
        now: int,
    ) -> int:
        """Posts a batch for the policy's relayer and returns its number.

        `signers` stands for the signatures: what each one recovers to, the zero address for a bad one.
        """
        if now > header.deadline:
            raise Refused("ReceiptLedger_DeadlinePassed", f"The header was good until {header.deadline}.")
        leaves = _check_lengths(figures, outputs)
        _check_rising(figures)
        policy = self.policy_book.find(header.policy)
        if policy is None:
            raise Refused("ReceiptLedger_UnknownPolicy", f"There is no policy {header.policy}.")
        relayer = policy.relayer
        if not self.staking.is_active(relayer, Role.RELAYER):
            raise Refused("ReceiptLedger_RelayerNotActive", f"Operator {relayer} is no active relayer.")
        self._check_signers(relayer, signers, caller, now)
        limit = min(policy.value_cap, policy.stake_multiple * self.staking.operators[relayer - 1].free)
        flying = self.in_flight(relayer)
        if flying + header.value > limit:
            raise Refused(
                "ReceiptLedger_ValueAboveLimit", f"{flying} + {header.value} µ in flight; {limit} at most."
            )
        nonce = self.next_nonce(header.policy, relayer)
        if header.nonce != nonce:
            raise Refused("ReceiptLedger_WrongNonce", f"Nonce {nonce} is next, not {header.nonce}.")
        self.nonces[header.policy, relayer] = nonce + 1
        self.flying[relayer] = flying + header.value
        number = batch_number(header.policy, relayer, nonce)
        self.batches[number] = Batch(
            posted_at=now,
            policy=header.policy,
            leaves=leaves,
            relayer=relayer,
            value=header.value,
            root=batch_root(figures, outputs),
            figures_hash=figures_hash(figures),
        )
        return number

    def settle(self, batch: int, figures: bytes, *, now: int) -> Settlement:
        """Pays every figure of a batch whose window has passed."""
        found = self._past_window(batch, now)
        if figures_hash(figures) != found.figures_hash:
            raise Refused("ReceiptLedger_WrongFigures", f"These are not the figures of batch {batch}.")
        return self._settle(found, figures)

    def settle_one(
        self, batch: int, index: int, figure: bytes, output: bytes, proof: Sequence[bytes], *, now: int
    ) -> Settlement:
        """Pays one leaf of a batch whose window has passed, by its Merkle proof."""
        found = self._past_window(batch, now)
        if index >= found.leaves or not merkle.verify(proof, found.root, leaf_hash(index, figure, output)):
            raise Refused("ReceiptLedger_BadProof", f"The proof does not lead from leaf {index} to the root.")
        return self._settle(found, figure)

    def retire(self, batch: int, *, now: int) -> None:
        """Takes the value of a batch whose window has passed out of flight."""
        found = self._past_window(batch, now)
        if found.retired:
            raise Refused("ReceiptLedger_AlreadyRetired", f"Batch {batch} is not in flight any more.")
        self._retire(found)

    def _settle(self, found: Batch, figures: bytes) -> Settlement:
        self._retire(found)
        cap = found.value - found.moved
        order = SettleOrder(found.policy, found.posted_at, cap, self.policy_book.get(found.policy).gross_cap)
        settlement = self.escrow.settle(order, decode_figures(figures), caller=self.address)
        found.moved += settlement.moved
        return settlement

    def _retire(self, found: Batch) -> None:
        if not found.retired:
            found.retired = True
            self.flying[found.relayer] -= found.value

    def _past_window(self, batch: int, now: int) -> Batch:
        ends_at = self.settleable_at(batch)
        if now < ends_at:
            raise Refused("ReceiptLedger_WindowOpen", f"The window of batch {batch} ends at {ends_at}.")
        return self.batches[batch]

    def _check_signers(self, relayer: int, signers: Sequence[Address], caller: Address, now: int) -> None:
        def is_signer(key: Address) -> bool:
            return self.staking.is_key_valid(relayer, KeyKind.SIGNER, key, now)

        # Rising by address: hexadecimal digits of equal length sort as the numbers do.
        ranks = [signer.lower() for signer in (ZERO_ADDRESS, *signers)]
        rising = all(a < b for a, b in pairwise(ranks))
        good = rising and caller not in signers and all(map(is_signer, signers))
        valid = len(signers) + is_signer(caller)
        threshold = self.staking.operators[relayer - 1].signer_threshold
        if not good or valid < threshold:
            raise Refused(
                "ReceiptLedger_BadSignatures", f"{threshold} signer keys must sign, each once, rising."
            )


def _check_lengths(figures: bytes, outputs: bytes) -> int:
    leaves, rest = divmod(len(figures), FIGURE_BYTES)
    if rest or not 1 <= leaves <= MAX_BATCH_LEAVES or len(outputs) != leaves * OUTPUT_BYTES:
        raise Refused(
            "ReceiptLedger_BadLength", f"{len(figures)} bytes of figures, {len(outputs)} of outputs."
        )
    return leaves


def _check_rising(figures: bytes) -> None:
    numbers = [0, *(figure.agreement for figure in decode_figures(figures))]
    for index, (previous, number) in enumerate(pairwise(numbers)):
        if number <= previous:
            raise Refused("ReceiptLedger_NotRising", f"Agreement numbers do not rise at figure {index}.")
