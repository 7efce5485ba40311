"""Accepts a chunk of receipts inside one transaction, by the rules of `ingest` and in its order."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from tallystick.protocol.enums import KeyKind, VerificationKind
from tallystick.protocol.judge import Figure, PolicyRule, payable
from tallystick.protocol.messages import ACCEPTED, DUPLICATE, Outcome, SignedReceipt
from tallystick.relayer.admission import Admission, above_elapsed, no, unknown_agreement, unknown_policy
from tallystick.relayer.mirror import AgreementRow, Attested, Keys
from tallystick.relayer.records import (
    Standing,
    StoredReceipt,
    insert_many,
    opinions_at,
    raise_figures,
    receipts_at,
    standing,
)
from tallystick.store.tables import receipts

_COLUMNS = (
    "hash",
    "agreement",
    "units",
    "period_start",
    "period_end",
    "output_root",
    "exclusive",
    "signature",
    "signer",
    "received_at",
)


def accept_receipts(
    admission: Admission, connection: Connection, items: list[SignedReceipt]
) -> dict[int, Outcome]:
    """Answers every item by its line, stores the accepted ones and raises the figures that became payable."""
    mirror = admission.mirror
    now = mirror.refresh(connection)
    known = mirror.agreements(connection, (item.receipt.agreement for item in items))
    before = standing(connection, known)
    newest = {number: at.newest_receipt for number, at in before.items()}
    # Only what is not above its agreement's newest receipt can be stored already, or contradict one that is.
    stored = receipts_at(
        connection,
        {
            (item.receipt.agreement, item.receipt.units)
            for item in items
            if item.receipt.units <= newest.get(item.receipt.agreement, 0)
        },
    )
    rules = admission.rules(connection, known.values())
    operators = {agreement.operator for agreement in known.values()}
    keys = {operator: mirror.keys(connection, (operator,), KeyKind.DEVICE) for operator in operators}
    outcomes: dict[int, Outcome] = {}
    accepted: list[SignedReceipt] = []
    for item in items:
        receipt = item.receipt
        number, units = receipt.agreement, receipt.units
        agreement = known.get(number)
        if agreement is None:
            outcomes[item.line] = unknown_agreement(item, number)
            continue
        place = (number, units)
        outcome = judge_receipt(
            admission,
            item,
            agreement,
            rules[agreement.policy],
            keys[agreement.operator],
            stored.get(place),
            newest[number],
            now,
        )
        outcomes[item.line] = outcome
        if outcome.status == ACCEPTED:
            accepted.append(item)
            newest[number] = units
            stored[place] = StoredReceipt(
                item.hash, item.signer or b"", receipt.period_start, receipt.period_end, receipt.output_root
            )
    insert_many(
        connection,
        receipts,
        _COLUMNS,
        [(item.hash, *item.receipt, item.signature, item.signer, now) for item in accepted],
    )
    attested = _attested(admission, connection, accepted, known, rules, now)
    _raise_figures(connection, accepted, known, rules, attested, before, now)
    return outcomes


def judge_receipt(
    admission: Admission,
    item: SignedReceipt,
    agreement: AgreementRow,
    rule: PolicyRule | None,
    keys: Keys,
    same_units: StoredReceipt | None,
    newest: int,
    now: int,
) -> Outcome:
    """The answer to one receipt. Pure.

    Args:
        rule: The policy's, or None when it is not served.
        keys: Device keys of the agreement's operator.
        same_units: The stored receipt of this agreement with equal units, if there is one.
        newest: Units of its newest stored receipt; 0 without any.
        now: The chain's time.
    """
    receipt = item.receipt
    key = None if item.signer is None else keys.get(item.signer)
    authorised = key is not None and key.valid_at(now)
    if (
        same_units is not None
        and same_units.hash == item.hash
        and (authorised or item.signer == same_units.signer)
    ):
        return Outcome(item.line, DUPLICATE, "0x" + item.hash.hex())
    if item.signer is None:
        return no(item, "bad_signature", "The signature is no valid signature of this receipt.")
    if not authorised:
        return no(
            item,
            "bad_signature",
            f"0x{item.signer.hex()} signed, no device key of operator {agreement.operator} valid now.",
        )
    if rule is None:
        return unknown_policy(item, agreement)
    refusal = admission.refusal(item, agreement, now)
    if refusal is not None:
        return refusal
    if not agreement.start <= receipt.period_start < receipt.period_end <= agreement.end:
        return no(
            item,
            "outside_period",
            f"The period {receipt.period_start} to {receipt.period_end} is empty, or does not lie within the "
            f"agreement's, {agreement.start} to {agreement.end}.",
        )
    if receipt.units <= newest:
        if same_units is not None and _contradicts(item, same_units):
            return no(
                item,
                "conflicting_receipt",
                f"0x{same_units.hash.hex()} has equal units and period, but another outputRoot.",
            )
        return no(item, "units_regress", f"units must rise; the newest accepted receipt has {newest}.")
    if agreement.lease:
        elapsed = agreement.elapsed(receipt.period_end)
        if receipt.units > elapsed:
            return above_elapsed(item, agreement, elapsed)
        return Outcome(item.line, ACCEPTED, "0x" + item.hash.hex())
    gross = agreement.gross(receipt.units)
    if gross > agreement.budget:
        return no(
            item,
            "over_budget",
            f"{receipt.units} units come to {gross} µ, more than the budget of {agreement.budget} µ.",
        )
    return Outcome(item.line, ACCEPTED, "0x" + item.hash.hex())


def _contradicts(item: SignedReceipt, stored: StoredReceipt) -> bool:
    receipt = item.receipt
    return (
        receipt.period_start == stored.period_start
        and receipt.period_end == stored.period_end
        and receipt.output_root != stored.output_root
    )


def _attested(
    admission: Admission,
    connection: Connection,
    accepted: list[SignedReceipt],
    known: Mapping[int, AgreementRow],
    rules: Mapping[int, PolicyRule | None],
    now: int,
) -> Attested:
    """Which devices of these receipts' agreements are attested, where the policy is of kind TEE."""
    found: Attested = frozenset()
    for number, rule in rules.items():
        if rule is not None and rule.kind == VerificationKind.TEE:
            theirs = {
                item.receipt.agreement for item in accepted if known[item.receipt.agreement].policy == number
            }
            found |= admission.mirror.attested(connection, rule, theirs, now)
    return found


def _raise_figures(
    connection: Connection,
    accepted: list[SignedReceipt],
    known: Mapping[int, AgreementRow],
    rules: Mapping[int, PolicyRule | None],
    attested: Attested,
    before: Mapping[int, Standing],
    now: int,
) -> None:
    # Verdicts that came first are above the newest receipt that was stored before this chunk.
    awaited = {number for number, at in before.items() if at.newest_verdict > at.newest_receipt}
    early = opinions_at(
        connection,
        {
            (item.receipt.agreement, item.receipt.units)
            for item in accepted
            if item.receipt.agreement in awaited
        },
    )
    ready: list[tuple[Figure, bytes]] = []
    for item in accepted:
        receipt = item.receipt
        figure = Figure(receipt.agreement, receipt.units, receipt.output_root)
        agreement = known[receipt.agreement]
        rule = rules[agreement.policy]
        if rule is None:
            continue
        # The provider's own word is enough against itself: downtime only lowers what it is paid.
        device = (receipt.agreement, item.signer or b"") in attested
        if agreement.lease or payable(rule, figure, early.get(figure, ()), attested=device):
            ready.append((figure, item.hash))
    raise_figures(connection, ready, now)
