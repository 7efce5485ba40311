"""Accepts a chunk of verdicts inside one transaction, by the rules of `ingest` and in its order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.protocol.enums import KeyKind
from tallystick.protocol.judge import Figure, Opinion, PolicyRule, confirmed
from tallystick.protocol.messages import ACCEPTED, DUPLICATE, Outcome, SignedVerdict
from tallystick.relayer.admission import Admission, above_elapsed, no, unknown_agreement, unknown_policy
from tallystick.relayer.mirror import AgreementRow, KeyRow, Keys, chunked
from tallystick.relayer.records import (
    NO_RECEIPT,
    Standing,
    insert_many,
    opinions_at,
    pending_verdicts,
    raise_figures,
    receipts_at,
    standing,
    stored_verdicts,
)
from tallystick.store.tables import operator_keys, receipts, rejections, verdicts

_COLUMNS = (
    "hash",
    "agreement",
    "units",
    "output_root",
    "valid",
    "verifier_version",
    "confidence",
    "signature",
    "operator",
    "received_at",
)


def accept_verdicts(
    admission: Admission, connection: Connection, items: list[SignedVerdict]
) -> dict[int, Outcome]:
    """Answers every item by its line, stores the accepted ones and raises the figures that became payable."""
    mirror = admission.mirror
    now = mirror.refresh(connection)
    known = mirror.agreements(connection, (item.verdict.agreement for item in items))
    before = standing(connection, known)
    rules = admission.rules(connection, known.values())
    keys = {
        number: mirror.keys(connection, sorted(rule.verifiers), KeyKind.VERIFIER) if rule is not None else {}
        for number, rule in rules.items()
    }
    strangers = _verifier_keys(connection, _unknown_signers(items, known, keys))
    stored = stored_verdicts(
        connection,
        {
            item.hash
            for item in items
            if item.verdict.agreement in before
            and item.verdict.units <= before[item.verdict.agreement].newest_verdict
        },
    )
    matched = _matched(connection, items, before)
    rejectable = _rejectable(connection, items, known)
    against = _waiting_rejections(connection, items, known)
    counted = {
        # A lease's downtime needs no receipt: what is payable is all that there is to be above.
        number: before[number].payable if known[number].lease else before[number].newest_receipt
        for number in {item.verdict.agreement for item in items} & before.keys()
    }
    pending = pending_verdicts(
        connection,
        {number: units for number, units in counted.items() if before[number].newest_verdict > units},
    )
    outcomes: dict[int, Outcome] = {}
    accepted: list[tuple[SignedVerdict, int]] = []
    for item in items:
        verdict = item.verdict
        number = verdict.agreement
        agreement = known.get(number)
        if agreement is None:
            outcomes[item.line] = unknown_agreement(item, number)
            continue
        key = None if item.signer is None else keys[agreement.policy].get(item.signer)
        figure = Figure(number, verdict.units, verdict.output_root)
        fits = figure in matched if verdict.valid else figure in rejectable
        outcome = judge_verdict(
            admission,
            item,
            agreement,
            rules[agreement.policy],
            key,
            known_elsewhere=item.signer in strangers,
            stored=key is not None and (item.hash, key.operator) in stored,
            matched=fits,
            counted=counted[number],
            pending=(pending if verdict.valid else against).get(number, 0),
            now=now,
        )
        outcomes[item.line] = outcome
        if outcome.status == ACCEPTED:
            assert key is not None
            accepted.append((item, key.operator))
            stored.add((item.hash, key.operator))
            if not fits:
                waiting = pending if verdict.valid else against
                waiting[number] = waiting.get(number, 0) + 1
    insert_many(
        connection,
        verdicts,
        _COLUMNS,
        [(item.hash, *item.verdict, item.signature, operator, now) for item, operator in accepted],
    )
    _note_rejections(connection, accepted, known)
    _raise_figures(connection, accepted, matched, known, rules, before, now)
    return outcomes


def judge_verdict(
    admission: Admission,
    item: SignedVerdict,
    agreement: AgreementRow,
    rule: PolicyRule | None,
    key: KeyRow | None,
    *,
    known_elsewhere: bool,
    stored: bool,
    matched: bool,
    counted: int,
    pending: int,
    now: int,
) -> Outcome:
    """The answer to one verdict. Pure.

    Args:
        rule: The policy's, or None when it is not served.
        key: The signer's, if it belongs to one of the policy's verifiers.
        known_elsewhere: The signer is a verifier key of somebody else.
        stored: This operator's verdict with this hash is stored.
        matched: A receipt of exactly this figure is stored; of an INVALID verdict, one of its output above its units.
        counted: Units of the agreement's newest stored receipt, of a lease those of its newest payable figure; 0
            without any.
        pending: Verdicts of the agreement that wait for their receipts; of INVALID ones, rejections not proposed yet.
        now: The chain's time.
    """
    if rule is None:
        return unknown_policy(item, agreement)
    if item.signer is None:
        return no(item, "bad_signature", "The signature is no valid signature of this verdict.")
    if key is None:
        if known_elsewhere:
            return no(
                item,
                "not_a_verifier",
                f"0x{item.signer.hex()} is no key of a verifier of policy {rule.policy}.",
            )
        return no(item, "bad_signature", f"0x{item.signer.hex()} signed this, which is no verifier key.")
    if stored:
        return Outcome(item.line, DUPLICATE, "0x" + item.hash.hex())
    if not key.valid_at(now):
        return no(item, "bad_signature", f"The verifier key 0x{item.signer.hex()} is not valid now.")
    refusal = admission.refusal(item, agreement, now) or _below_policy(item, rule)
    if refusal is not None:
        return refusal
    if not matched:
        if not item.verdict.valid:
            return _rejection_without_receipt(admission, item, pending)
        if agreement.lease and item.verdict.units > agreement.elapsed(now):
            return above_elapsed(item, agreement, agreement.elapsed(now))
        if item.verdict.units <= counted:
            return no(
                item,
                "units_regress",
                f"No receipt with these units and outputRoot was accepted; the newest has {counted}.",
            )
        if pending >= admission.max_pending_verdicts:
            return no(
                item,
                "backlog_full",
                f"{pending} verdicts of this agreement wait for their receipts; send those first.",
            )
    return Outcome(item.line, ACCEPTED, "0x" + item.hash.hex())


def _below_policy(item: SignedVerdict, rule: PolicyRule) -> Outcome | None:
    """What the policy does not count counts on chain as little as here."""
    verdict = item.verdict
    if verdict.verifier_version < rule.verifier_version:
        return no(
            item,
            "verifier_version_too_low",
            f"Policy {rule.policy} counts verdicts of version {rule.verifier_version} or later of the verifier's "
            f"software; this one is of {verdict.verifier_version}.",
        )
    if verdict.confidence < rule.min_confidence:
        return no(
            item,
            "confidence_too_low",
            f"Policy {rule.policy} counts verdicts of a confidence of {rule.min_confidence} bps or more; this one has "
            f"{verdict.confidence}.",
        )
    return None


def _rejection_without_receipt(admission: Admission, item: SignedVerdict, pending: int) -> Outcome:
    """It may come before the receipt that it rejects; but so many of an agreement at most."""
    if pending >= admission.max_pending_verdicts:
        return no(
            item,
            "backlog_full",
            f"{pending} rejections of this agreement wait for their receipts or their quorum; send those first.",
        )
    return Outcome(item.line, ACCEPTED, "0x" + item.hash.hex())


def _rejectable(
    connection: Connection, items: list[SignedVerdict], known: Mapping[int, AgreementRow]
) -> set[Figure]:
    """What INVALID verdicts reject: those figures for which a receipt of their output with more units is stored."""
    found: set[Figure] = set()
    r = receipts.c
    for item in items:
        verdict = item.verdict
        if verdict.valid or verdict.agreement not in known:
            continue
        wanted = (
            r.agreement == verdict.agreement,
            r.units > verdict.units,
            r.output_root == verdict.output_root,
        )
        if connection.execute(select(r.seq).where(*wanted).limit(1)).first() is not None:
            found.add(Figure(verdict.agreement, verdict.units, verdict.output_root))
    return found


def _waiting_rejections(
    connection: Connection, items: list[SignedVerdict], known: Mapping[int, AgreementRow]
) -> dict[int, int]:
    """How many rejections of these agreements wait; nothing is asked when no verdict says INVALID."""
    numbers = {item.verdict.agreement for item in items if not item.verdict.valid} & known.keys()
    query = select(rejections.c.agreement, func.count()).where(rejections.c.state == "waiting")
    return {
        row[0]: row[1]
        for part in chunked(sorted(numbers))
        for row in connection.execute(
            query.where(rejections.c.agreement.in_(part)).group_by(rejections.c.agreement)
        )
    }


def _note_rejections(
    connection: Connection, accepted: list[tuple[SignedVerdict, int]], known: Mapping[int, AgreementRow]
) -> None:
    """What metered work says INVALID is for the Court, once a quorum says so (`propose`). Looked at anew at once."""
    rows = [
        {"agreement": one.agreement, "valid_units": one.units, "output_root": one.output_root, "retry_at": 0}
        for one in (item.verdict for item, _ in accepted)
        if not one.valid and not known[one.agreement].lease
    ]
    if rows:
        places = [rejections.c.agreement, rejections.c.valid_units, rejections.c.output_root]
        fresh = {"retry_at": 0}
        connection.execute(upsert(rejections).on_conflict_do_update(index_elements=places, set_=fresh), rows)


def _matched(
    connection: Connection, items: list[SignedVerdict], before: Mapping[int, Standing]
) -> dict[Figure, bytes]:
    """Figures of these verdicts that have an accepted receipt, with its hash."""
    places = {
        (item.verdict.agreement, item.verdict.units)
        for item in items
        if item.verdict.agreement in before
        and item.verdict.units <= before[item.verdict.agreement].newest_receipt
    }
    found = receipts_at(connection, places)
    return {
        Figure(number, units, receipt.output_root): receipt.hash for (number, units), receipt in found.items()
    }


def _unknown_signers(
    items: list[SignedVerdict], known: Mapping[int, AgreementRow], keys: Mapping[int, Keys]
) -> set[bytes]:
    return {
        item.signer
        for item in items
        if item.signer is not None
        and item.verdict.agreement in known
        and item.signer not in keys[known[item.verdict.agreement].policy]
    }


def _verifier_keys(connection: Connection, signers: Collection[bytes]) -> set[bytes]:
    """Which of these addresses are verifier keys of anyone."""
    query = select(operator_keys.c.key).where(operator_keys.c.kind == int(KeyKind.VERIFIER))
    return {
        row[0]
        for part in chunked(list(signers))
        for row in connection.execute(query.where(operator_keys.c.key.in_(part)))
    }


def _raise_figures(
    connection: Connection,
    accepted: list[tuple[SignedVerdict, int]],
    matched: Mapping[Figure, bytes],
    known: Mapping[int, AgreementRow],
    rules: Mapping[int, PolicyRule | None],
    before: Mapping[int, Standing],
    now: int,
) -> None:
    fresh: dict[Figure, list[Opinion]] = {}
    for item, operator in accepted:
        verdict = item.verdict
        figure = Figure(verdict.agreement, verdict.units, verdict.output_root)
        backed = figure in matched or known[figure.agreement].lease
        if backed and verdict.valid and figure.units > before[figure.agreement].payable:
            fresh.setdefault(figure, []).append(Opinion(figure, True, operator))
    # A single verifier's word may be enough; otherwise what was stored before counts too (this chunk is in
    # the store).
    rule_of = {figure: rules[known[figure.agreement].policy] for figure in fresh}
    several = {figure for figure, rule in rule_of.items() if rule is not None and rule.quorum > 1}
    told = opinions_at(connection, {(figure.agreement, figure.units) for figure in several})
    ready: list[tuple[Figure, bytes]] = []
    for figure, opinions in fresh.items():
        rule = rule_of[figure]
        if rule is not None and confirmed(rule, figure, told.get(figure, opinions)):
            ready.append((figure, matched.get(figure, NO_RECEIPT)))
    raise_figures(connection, ready, now)
