"""Takes signed receipts, verdicts and credentials in: each is accepted and durable, a duplicate, or refused.

An `Outcome` with `accepted` or `duplicate` means that the item is committed. Items are taken in the order of
their lines, each as if the ones before it had come in an earlier request; chunks of lines share one
transaction, and the part that costs time (parsing, hashing, recovering) runs before it begins. Sending
anything again is harmless.

What happens to a well-formed receipt, first match wins:

1. `unknown_agreement`: no final opening has this number.
2. duplicate: a receipt with this EIP-712 hash is stored, and the signature is by its signer, or by any
   device key that could sign it now. Whatever has changed since then, a retry gets the same answer.
3. `bad_signature`: it is malformed, or not by a DEVICE key of the agreement's operator that is valid now; the
   message says whose it is. (A message that was changed after signing looks like somebody else's.)
4. `unknown_policy`: the agreement's policy is unknown, or not served by this relayer: nobody would post it.
5. `agreement_closed`; `expired`: the chain's time is past the agreement's end + POST_GRACE, until when
   posting is promised.
6. `outside_period`: periodStart at or after periodEnd, before the start, or periodEnd after the end (the asked
   stop, else the expiry).
7. `conflicting_receipt`: one with equal units, periodStart and periodEnd but another outputRoot is stored:
   equivocation. `units_regress`: units at or below those of the newest stored receipt. Receipts are
   cumulative: the newest says it all, so one that arrives late is refused and nothing is lost.
8. `over_budget`: floor(units x unitPrice / 1e6) is above the budget.

Of a lease units are the seconds not served, cumulative, and no price applies: instead of `over_budget` there is
`downtime_above_elapsed`, units above the seconds from the start to periodEnd. Its end is that of its money, when that
comes first. The receipt is payable by itself under every policy: nobody needs to vouch for what a provider says
against itself.

And to a well-formed verdict: `unknown_agreement`, `unknown_policy`; `bad_signature` (malformed, or no
VERIFIER key of anyone known here), `not_a_verifier` (not of the policy's); duplicate, if this operator's
verdict with this hash is stored; `bad_signature` when the key is not valid now; `agreement_closed`,
`expired`; `verifier_version_too_low`, `confidence_too_low`: below what the policy counts; `units_regress`: no
receipt with these units and output was accepted, and none can be any more, since a newer one was;
`backlog_full`: too many verdicts of this agreement wait for their receipts. A verdict that comes before its
receipt is kept and counts once that arrives. Of a lease the verdicts that the policy demands make downtime
payable without any receipt; `downtime_above_elapsed`: more than has passed of it now.

A verdict that says INVALID names the output that it rejects and how many units of it are valid (0: none). It
makes nothing payable: once a quorum says the same, `propose` takes it to the Court.

And to a well-formed credential or revocation (malformed ones have `bad_field`, or `bad_binding`: TEE is bound to an
agreement, no other kind is): `bad_signature`, not by the key of its issuer (one that is a contract wallet cannot be
asked here, and posts by itself); duplicate, if one with this hash was accepted, whatever became of it;
`unknown_issuer`: no policy names it, and nobody else's statements are posted at our cost; `expired`, by the chain's
time; `stale_nonce`: not above the newest nonce of its record that is on the chain, or accepted and not refused.

When a receipt becomes payable (`judge`), the agreement's figure is raised in the same transaction. All times
are the chain's (meta `chain_time`, kept by the follower).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import Connection

from tallystick.protocol.constants import POST_GRACE
from tallystick.protocol.eip712 import Domain
from tallystick.protocol.messages import (
    Outcome,
    SignedReceipt,
    SignedStatement,
    SignedVerdict,
    lines_of,
    parse_receipt,
    parse_statement,
    parse_verdict,
)
from tallystick.relayer.admission import Admission
from tallystick.relayer.ingest_credentials import accept_statements
from tallystick.relayer.ingest_receipts import accept_receipts
from tallystick.relayer.ingest_verdicts import accept_verdicts
from tallystick.store.database import Database

CHUNK: Final = 2_000
"""Lines that share one transaction."""

MAX_PENDING_VERDICTS: Final = 4_096
"""Verdicts per agreement that may wait for their receipts."""

Observer = Callable[[str, list[Outcome]], None]
"""Told of every chunk once it is committed: "receipt", "verdict" or "credential", and its outcomes."""

_T = TypeVar("_T")
_Item = TypeVar("_Item", SignedReceipt, SignedVerdict, SignedStatement)


class Ingest:
    """The one door into the store for what others sign; safe to call from several threads.

    Args:
        database: Where accepted items go.
        domain: EIP-712 domain of the ReceiptLedger (`eip712.ledger_domain`).
        credentials: That of Credentials (`eip712.credentials_domain`).
        policies: The policies that this relayer posts for; None takes any known one.
        post_grace: Seconds after an agreement's end in which receipts are still taken (Escrow.POST_GRACE).
        observe: For metrics.
        reached: Told of each commit point, for tests that stop there: `ingest.before` and `ingest.after`.
    """

    def __init__(
        self,
        database: Database,
        domain: Domain,
        credentials: Domain,
        *,
        policies: Collection[int] | None = None,
        post_grace: int = POST_GRACE,
        max_pending_verdicts: int = MAX_PENDING_VERDICTS,
        chunk: int = CHUNK,
        observe: Observer | None = None,
        reached: Callable[[str], None] | None = None,
    ) -> None:
        self._database = database
        self._domain = domain
        self._credentials = credentials
        self._admission = Admission(policies, post_grace, max_pending_verdicts)
        self._chunk = chunk
        self._observe = observe
        self._reached = reached or _go_on

    def receipts(self, body: bytes) -> list[Outcome]:
        """Takes an NDJSON body of receipts. Outcomes in the order of its lines; durable when this returns."""
        return self._take("receipt", self._domain, lines_of(body), parse_receipt, accept_receipts)

    def verdicts(self, body: bytes) -> list[Outcome]:
        """As `receipts`, for verdicts."""
        return self._take("verdict", self._domain, lines_of(body), parse_verdict, accept_verdicts)

    def receipt(self, content: bytes) -> Outcome:
        """Takes one receipt: one JSON object, which may span lines."""
        return self._take("receipt", self._domain, [(1, content)], parse_receipt, accept_receipts)[0]

    def verdict(self, content: bytes) -> Outcome:
        """As `receipt`, for a verdict."""
        return self._take("verdict", self._domain, [(1, content)], parse_verdict, accept_verdicts)[0]

    def credentials(self, body: bytes) -> list[Outcome]:
        """As `receipts`, for credentials and revocations."""
        return self._take("credential", self._credentials, lines_of(body), parse_statement, accept_statements)

    def credential(self, content: bytes) -> Outcome:
        """As `receipt`, for a credential or a revocation."""
        return self._take(
            "credential", self._credentials, [(1, content)], parse_statement, accept_statements
        )[0]

    def _take(
        self,
        kind: str,
        domain: Domain,
        lines: Iterable[tuple[int, bytes]],
        parse: Callable[[Domain, int, bytes], _Item | Outcome],
        accept: Callable[[Admission, Connection, list[_Item]], dict[int, Outcome]],
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for chunk in _chunks(iter(lines), self._chunk):
            parsed = [parse(domain, line, content) for line, content in chunk]
            items = [item for item in parsed if not isinstance(item, Outcome)]
            taken: dict[int, Outcome] = {}
            if items:
                with self._database.write() as connection:
                    taken = accept(self._admission, connection, items)
                    self._reached("ingest.before")
                self._reached("ingest.after")
            done = [item if isinstance(item, Outcome) else taken[item.line] for item in parsed]
            if self._observe is not None:
                self._observe(kind, done)
            outcomes += done
        return outcomes


def _go_on(_place: str) -> None:
    return


def _chunks(items: Iterator[_T], size: int) -> Iterator[list[_T]]:
    while chunk := list(islice(items, size)):
        yield chunk
