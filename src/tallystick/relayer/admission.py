"""What receipts and verdicts are held against alike: is the agreement served, open and in time?"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from tallystick.protocol.judge import PolicyRule
from tallystick.protocol.messages import Outcome, SignedReceipt, SignedStatement, SignedVerdict, rejected
from tallystick.relayer.mirror import AgreementRow, Mirror


def no(item: SignedReceipt | SignedVerdict | SignedStatement, code: str, message: str) -> Outcome:
    """The refusal of a well-formed item: its id is known."""
    return rejected(item.line, code, message, item.hash)


class Admission:
    """The mirror, and what this relayer serves.

    Args:
        policies: The policies that it posts for; None means any known one.
        post_grace: Seconds after an agreement's end in which receipts are still taken (Escrow.POST_GRACE).
        max_pending_verdicts: How many verdicts of one agreement may wait for their receipts.
    """

    def __init__(self, policies: Collection[int] | None, post_grace: int, max_pending_verdicts: int) -> None:
        self.mirror = Mirror()
        self.max_pending_verdicts = max_pending_verdicts
        self._policies = None if policies is None else frozenset(policies)
        self._post_grace = post_grace

    def rules(self, connection: Connection, known: Collection[AgreementRow]) -> dict[int, PolicyRule | None]:
        """The rules of these agreements' policies; None for a policy that is unknown or not served."""
        return {
            number: self.mirror.policy(connection, number) if self.serves(number) else None
            for number in {agreement.policy for agreement in known}
        }

    def serves(self, policy: int) -> bool:
        """Whether this relayer posts for `policy`."""
        return self._policies is None or policy in self._policies

    def refusal(
        self, item: SignedReceipt | SignedVerdict, agreement: AgreementRow, now: int
    ) -> Outcome | None:
        """`agreement_closed` or `expired`, or None when the agreement can still be posted for. Pure."""
        if not agreement.open:
            return no(
                item, "agreement_closed", f"Agreement {agreement.agreement} is closed; nothing more is paid."
            )
        until = agreement.end + self._post_grace
        if now > until:
            return no(
                item,
                "expired",
                f"Agreement {agreement.agreement} ended at {agreement.end} and was served until {until}.",
            )
        return None


def unknown_agreement(item: SignedReceipt | SignedVerdict, number: int) -> Outcome:
    """Also what a young opening gets: it counts once it is final."""
    return no(
        item, "unknown_agreement", f"No agreement {number} is known; an opening counts once it is final."
    )


def unknown_policy(item: SignedReceipt | SignedVerdict, agreement: AgreementRow) -> Outcome:
    """Nobody would post what this relayer took under a policy that is not its own."""
    return no(
        item,
        "unknown_policy",
        f"Agreement {agreement.agreement} is of policy {agreement.policy}; this relayer does not serve it.",
    )


def above_elapsed(item: SignedReceipt | SignedVerdict, agreement: AgreementRow, elapsed: int) -> Outcome:
    """Of a lease no more than what has passed can not have been served."""
    units = item.receipt.units if isinstance(item, SignedReceipt) else item.verdict.units
    return no(
        item,
        "downtime_above_elapsed",
        f"{units} s not served are more than the {elapsed} s of lease {agreement.agreement} until then.",
    )
