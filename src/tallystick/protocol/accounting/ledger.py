"""`ReceiptLedger`: posted batches, their windows, what may be settled, the guardian's cancel and pause."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .. import constants, merkle
from ..constants import FIGURE_BYTES, MAX_BATCH_LEAVES, OUTPUT_BYTES
from ..eip712 import BatchHeader, batch_number
from ..enums import KeyKind, Role
from ..errors import Refused
from ..figures import batch_root, decode_figures, figures_hash, leaf_hash
from .batches import Batch
from .challenged import ChallengedLeaves
from .policies import check_role
from .records import Settlement, SettleOrder
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class ReceiptLedger(ChallengedLeaves):
    """Batches by number (policy 16 | operator 32 | nonce 48)."""

    # Reads

    def in_flight(self, operator: int) -> int:
        """µ declared by the operator's batches that are not yet retired."""
        return self.flying.get(operator, 0)

    def posting_pause(self) -> tuple[int, int]:
        """(when the pause of posting ends or ended, when the next one may begin)."""
        return self.paused_until, self.paused_until + constants.PAUSE_INTERVAL if self.paused_until else 0

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
        if now < self.paused_until:
            raise Refused("ReceiptLedger_PostingPaused", f"Posting is paused until {self.paused_until}.")
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
        self.last_posts[header.policy] = now
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
        found = self._settleable(batch, now)
        if figures_hash(figures) != found.figures_hash:
            raise Refused("ReceiptLedger_WrongFigures", f"These are not the figures of batch {batch}.")
        return self._settle(batch, found, figures, range(found.leaves))

    def settle_one(
        self, batch: int, index: int, figure: bytes, output: bytes, proof: Sequence[bytes], *, now: int
    ) -> Settlement:
        """Pays one leaf of a batch whose window has passed, by its Merkle proof."""
        found = self._settleable(batch, now)
        if index >= found.leaves or not merkle.verify(proof, found.root, leaf_hash(index, figure, output)):
            raise Refused("ReceiptLedger_BadProof", f"The proof does not lead from leaf {index} to the root.")
        return self._settle(batch, found, figure, [index])

    def retire(self, batch: int, *, now: int) -> None:
        """Takes the value of a batch whose window has passed out of flight, or gives a bond back."""
        found = self._past_window(batch, now)
        if found.retired:
            raise Refused("ReceiptLedger_AlreadyRetired", f"Batch {batch} is not in flight any more.")
        self._retire(batch, found)
        if not found.retired:
            raise Refused("ReceiptLedger_BondHeld", f"The agreement of {batch} is frozen.")

    def _settle(self, batch: int, found: Batch, figures: bytes, leaves: Sequence[int]) -> Settlement:
        """Pays these leaves; blocked ones are skipped, and none pays while too many are under challenge."""
        if len(found.open) >= constants.BROKEN_BATCH:
            raise Refused("ReceiptLedger_UnderChallenge", f"{len(found.open)} leaves of {batch}.")
        self._retire(batch, found)
        cap = found.value - found.moved
        order = SettleOrder(found.policy, found.posted_at, cap, self._gross_cap(found))
        blocked = sum(1 << place for place, leaf in enumerate(leaves) if found.is_blocked(leaf))
        settlement = self.escrow.settle(order, decode_figures(figures), blocked, caller=self.address)
        found.moved += settlement.moved
        for leaf, step in zip(leaves, settlement.steps, strict=True):
            found.settled[leaf] += step.moved
        return settlement

    def _settleable(self, batch: int, now: int) -> Batch:
        self.settleable_at(batch)
        if self.batches[batch].cancelled_at:
            raise Refused("ReceiptLedger_Cancelled", f"Batch {batch} was cancelled.")
        return self._past_window(batch, now)

    # Guardian

    def cancel(self, batch: int, *, caller: Address, now: int) -> None:
        """Cancels a relayer's batch inside its window; at most twice in 30 days in one policy."""
        check_role(self.admin, caller)
        ends_at = self.settleable_at(batch)
        found = self.batches[batch]
        if found.self_post or found.signed:
            raise Refused("ReceiptLedger_NotCancellable", f"Nobody can cancel batch {batch}.")
        if found.cancelled_at:
            raise Refused("ReceiptLedger_Cancelled", f"Batch {batch} is cancelled already.")
        if now >= ends_at:
            raise Refused("ReceiptLedger_WindowOver", f"The window of {batch} ended at {ends_at}.")
        cancels = self.cancels.setdefault(found.policy, [])
        if len(cancels) >= 2 and now < cancels[-2] + constants.PAUSE_INTERVAL:
            raise Refused("ReceiptLedger_TooManyCancels", f"Two of policy {found.policy} within 30 days.")
        cancels.append(now)
        self._cancel_batch(batch, found, now)

    def pause_posting(self, duration: int, *, caller: Address, now: int) -> None:
        """Pauses `post` for `duration` seconds, not again within 30 days of the pause's end."""
        check_role(self.admin, caller)
        if duration > self.max_pause or now < self.posting_pause()[1]:
            raise Refused("ReceiptLedger_PauseRefused", f"No pause of {duration} s now.")
        self.paused_until = now + duration
        self.pauses.append((now, self.paused_until))

    def resume_posting(self, *, caller: Address, now: int) -> None:
        """Ends the pause early."""
        check_role(self.admin, caller)
        if now >= self.paused_until:
            raise Refused("ReceiptLedger_NotPaused", "Posting is not paused.")
        self.paused_until = now
        self.pauses[-1] = (self.pauses[-1][0], now)

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
