"""What a party or juror can do in a dispute, state by state, and votes that never get lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.contracts import load
from tallystick.chain.dispute_ops import (
    Case,
    Chamber,
    Purse,
    Seat,
    appeal,
    describe,
    execute,
    open_dispute,
    respond,
    reveal,
    vote,
)  # fmt: skip
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.votes import SeatPlace, Votes
from tallystick.protocol.enums import DisputeKind, DisputeState, Outcome
from tallystick.protocol.hashing import keccak256

ME, COURT, COIN, JURY = ("0x" + digit * 40 for digit in "1234")
PURSE = Purse(ME, COURT, COIN, "USDC", 1_000, 0)
SALT = b"\x07" * 32


def case(state: DisputeState = DisputeState.EVIDENCE, **changes: Any) -> Case:
    base = Case(
        number=4, now=1_000, purse=PURSE, kind=DisputeKind.WORK, state=state, outcome=Outcome.NONE, round=1, policy=2,
        agreement=9, operator=3, challenger=ME, attacked=100, claimed=40, ruling=55, deadline=2_000,
    )  # fmt: skip
    return replace(base, **changes)


def seated(now: int = 1_000, **seat: Any) -> Case:
    chamber = Chamber(JURY, True, 1_500, 1_900, Seat(**{"commitment": bytes(32), "revealed": False, **seat}))
    return case(DisputeState.RULING, now=now, chamber=chamber)


def calls(actions: list[Action]) -> list[str]:
    """The functions that are called, in order."""
    names = {
        function.selector: function.name
        for contract in ("Court", "Jury", "TestDollar")
        for function in load(contract).functions.values()
    }
    return [names[action.data[:4]] for action in actions]


def refused(code: str, what: Any) -> None:
    with pytest.raises(OperatorRefusal) as caught:
        what()
    assert caught.value.code == code


def test_open__bond_is_approved_first_when_it_must_be() -> None:
    assert calls(open_dispute(PURSE, 9, 40, 50)) == ["approve", "open"]
    assert calls(open_dispute(replace(PURSE, allowance=50), 9, 40, 50)) == ["open"]
    refused("not_enough_currency", lambda: open_dispute(PURSE, 9, 40, 1_001))


def test_respond__proposal__party_contests_and_shows_evidence() -> None:
    proposal = case(DisputeState.CONTEST, kind=DisputeKind.PROPOSAL, accused=True, may_contest=True)
    assert calls(respond(proposal)) == ["contest"]
    both = respond(proposal, evidence=SALT, uri="ipfs://x")
    assert calls(both) == ["contest", "submitEvidence"]
    assert "for the provider's side" in both[1].says
    stranger = replace(proposal, accused=False, may_contest=False)
    refused("not_party", lambda: respond(stranger))
    assert calls(respond(stranger, evidence=SALT, for_challenger=True)) == ["submitEvidence"]


def test_respond__work__side_is_ones_own_or_must_be_said() -> None:
    assert "for the challenger's side" in respond(case(challenging=True), evidence=SALT)[0].says
    refused("not_party", lambda: respond(case(), evidence=SALT))
    refused("not_party", lambda: respond(case(challenging=True, accused=True), evidence=SALT))
    refused("wrong_state", lambda: respond(case(challenging=True)))
    refused("wrong_state", lambda: respond(case(DisputeState.RULING, challenging=True), evidence=SALT))


def test_vote__in_time_with_a_seat__commits_and_may_change() -> None:
    (action,) = vote(seated(), 40, SALT)
    assert load("Jury").function("commitVote").decode_inputs(action.data) == (4, 1, SALT)
    assert "instead of the one before" in vote(seated(commitment=SALT), 100, SALT)[0].says
    for units in (39, 101):
        refused("bad_value", lambda units=units: vote(seated(), units, SALT))
    refused("too_late", lambda: vote(seated(now=1_500), 40, SALT))
    refused("wrong_state", lambda: vote(seated(revealed=True), 40, SALT))
    refused("no_jury", lambda: vote(case(DisputeState.RULING), 40, SALT))
    undrawn = Chamber(JURY, False, 0, 0, None)
    refused("too_early", lambda: vote(case(DisputeState.RULING, chamber=undrawn), 40, SALT))
    refused("no_seat", lambda: vote(case(chamber=replace(undrawn, drawn=True)), 40, SALT))


def commitment(units: int) -> bytes:
    return keccak256(units.to_bytes(10, "big") + SALT)


def test_reveal__several_votes_were_kept__the_one_that_was_committed_to() -> None:
    mine = seated(now=1_500, commitment=commitment(70))
    (action,) = reveal(mine, SALT, [40, 70, 90], commitment)
    assert load("Jury").function("revealVote").decode_inputs(action.data) == (4, 1, 70, SALT)
    refused("no_vote", lambda: reveal(mine, SALT, [40], commitment))
    refused("too_early", lambda: reveal(replace(mine, now=1_499), SALT, [70], commitment))
    refused("too_late", lambda: reveal(replace(mine, now=1_900), SALT, [70], commitment))


def test_appeal__all_that_is_missing_or_a_part() -> None:
    appealable = case(DisputeState.APPEALABLE, appeal_needed=100, appeal_paid=30)
    (approve, paid) = appeal(appealable)
    assert load("Court").function("appeal").decode_inputs(paid.data) == (4, 70)
    assert "raises it" in paid.says
    assert "0.00005 USDC are missing then" in appeal(appealable, 20)[1].says
    assert load("Court").function("appeal").decode_inputs(appeal(appealable, 500)[1].data) == (4, 70)
    assert calls([approve]) == ["approve"]
    refused("wrong_state", lambda: appeal(case(DisputeState.RULED)))
    refused("bad_value", lambda: appeal(appealable, 0))


@pytest.mark.parametrize(
    ("now", "changes", "wanted"),
    [
        (1_000, {"state": DisputeState.RULING, "ruled": True}, "rule"),
        (1_000, {"state": DisputeState.SECOND, "ruled": True}, "rule"),
        (1_000, {"state": DisputeState.RULING}, "not_ruled"),
        (1_000, {"state": DisputeState.RULED}, "execute"),
        (1_999, {"state": DisputeState.COOLING}, "too_early"),
        (2_000, {"state": DisputeState.COOLING}, "clear"),
        (1_000, {"state": DisputeState.EVIDENCE}, "wrong_state"),
        (1_000, {"state": DisputeState.OVER}, "wrong_state"),
    ],
)
def test_execute__whatever_is_due(now: int, changes: dict[str, Any], wanted: str) -> None:
    one = case(now=now, **changes)
    if wanted in ("rule", "execute", "clear"):
        assert calls(execute(one)) == [wanted]
    else:
        refused(wanted, lambda: execute(one))


def test_describe__each_state__says_where_it_stands() -> None:
    for state in DisputeState:
        if state:
            text = "\n".join(describe(case(state, chamber=seated().chamber)))
            assert f"dispute 4: work, {state.name.lower()}" in text
            assert ("55 units stand" in text) is (state in (4, 6, 7, 8))


PLACE = SeatPlace(31337, JURY, 4, 1, ME)


def test_votes__written_before_the_commitment_and_the_salt_never_changes(tmp_path: Path) -> None:
    drawn = [b"\x01" * 32, b"\x02" * 32]
    first = Votes(tmp_path, lambda: drawn.pop(0))
    assert first.read(PLACE) is None
    assert first.remember(PLACE, 40) == b"\x01" * 32
    again = Votes(tmp_path, lambda: drawn.pop(0))
    assert again.remember(PLACE, 90) == again.remember(PLACE, 40) == b"\x01" * 32
    assert again.read(PLACE) == (b"\x01" * 32, [40, 90])
    assert again.read(PLACE._replace(round=2)) is None
    assert again.path(PLACE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{}", '{"salt": "0x00", "units": []}', '{"salt": 1, "units": []}'])
def test_votes__file_that_was_damaged__is_refused_and_not_overwritten(tmp_path: Path, text: str) -> None:
    votes = Votes(tmp_path)
    votes.path(PLACE).write_text(text)
    refused("bad_votes", lambda: votes.remember(PLACE, 40))
    assert votes.path(PLACE).read_text() == text


def test_votes__drawn_by_itself__no_two_seats_alike(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    salts = {votes.remember(PLACE._replace(dispute=number), 40) for number in range(20)}
    assert len(salts) == 20
