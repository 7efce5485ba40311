"""Accepts a chunk of verdicts inside one transaction, by the rules of `ingest` and in its order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from tallystick.protocol.enums import KeyKind
from tallystick.relayer.admission import Admission, above_elapsed, no, unknown_agreement, unknown_policy
from tallystick.relayer.judge import Figure, Opinion, PolicyRule, confirmed
from tallystick.relayer.messages import ACCEPTED, DUPLICATE, Outcome, SignedVerdict
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
from tallystick.store.tables import operator_keys, verdicts

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
        outcome = judge_verdict(
            admission,
            item,
            agreement,
            rules[agreement.policy],
            key,
            known_elsewhere=item.signer in strangers,
            stored=key is not None and (item.hash, key.operator) in stored,
            matched=figure in matched,
            counted=counted[number],
            pending=pending.get(number, 0),
            now=now,
        )
        outcomes[item.line] = outcome
        if outcome.status == ACCEPTED:
            assert key is not None
            accepted.append((item, key.operator))
            stored.add((item.hash, key.operator))
            if figure not in matched:
                pending[number] = pending.get(number, 0) + 1
    insert_many(
        connection,
        verdicts,
        _COLUMNS,
        [(item.hash, *item.verdict, item.signature, operator, now) for item, operator in accepted],
    )
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
        matched: A receipt of exactly this figure is stored.
        counted: Units of the agreement's newest stored receipt, of a lease those of its newest payable figure; 0
            without any.
        pending: Verdicts of the agreement that wait for their receipts.
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
    refusal = admission.refusal(item, agreement, now)
    if refusal is not None:
        return refusal
    if not matched:
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
