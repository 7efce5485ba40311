"""The referee's rules: who moves when, what is refused, and that every state has an end by time.

The instance is 4 checkpoints x 8 operations, so state 32 is the end; the solver cheats at operation 13: the queries are
for states 16, 8, 12, 14, 13, and then operation 13 is left.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tallystick.protocol.bisection.game import WorkChallenger, WorkSolver, play
from tallystick.protocol.bisection.machine import Instruction, Opcode, indexed_tree, leaf, prove, state_hash
from tallystick.protocol.bisection.statement import CellProof, OperationProof, Statement
from tallystick.protocol.bisection.work import Fault, Order, Work, network_order
from tallystick.protocol.hashing import keccak256
from tests.support.evm import Account, reverts
from tests.support.referee import CLAIMED, HALF, UNITS, Ring, Turn

FAULT = 13
END = 32
PATH = (16, 8, 12, 14, 13)
SECOND = 5  # DisputeState


@cache
def works() -> tuple[Order, Work, Work]:
    """The order, done rightly, done with a fault."""
    order = network_order(4, 8)
    honest = Work(order)
    return order, honest, Work(order, Fault(FAULT), like=honest)


@pytest.fixture
def ring() -> Ring:
    return Ring.of(works()[0])


@pytest.fixture
def cheat() -> Work:
    return works()[2]


@pytest.fixture
def honest() -> Work:
    return works()[1]


def asked(ring: Ring, dispute: int, work: Work, count: int) -> None:
    """Plays the first `count` rounds."""
    for index in PATH[:count]:
        ring.challenge("query", dispute, index)
        said(ring, dispute, work, index)


def said(ring: Ring, dispute: int, work: Work, index: int) -> None:
    ring.solve("answer", dispute, *WorkSolver(work).answer(index))


def narrowed(ring: Ring, work: Work) -> int:
    """A dispute in which one operation is left, the challenger to move."""
    dispute = ring.begun(work)
    asked(ring, dispute, work, len(PATH))
    return dispute


# The whole way


def test_game__of_a_cheat__emits_each_step_and_rules_what_the_challenger_claims(
    ring: Ring, cheat: Work, honest: Work
) -> None:
    dispute = ring.dispute(cheat)
    opened = ring.open(dispute).event("GameOpened").args
    assert (opened["dispute"], opened["round"]) == (dispute, 1)
    assert (opened["challenger"], opened["solver"]) == (ring.challenger.address, ring.solver.address)
    assert (opened["challengerLeft"], opened["solverLeft"]) == (86_400, 86_400)

    stated = ring.state(dispute, cheat).event("Stated").args["statement"]
    assert (stated["checkpoints"], stated["operations"]) == (4, 8)
    assert stated["finalTrace"] == cheat.statement.final_trace

    queries = ((0, 32, 16), (0, 16, 8), (8, 16, 12), (12, 16, 14), (12, 14, 13))
    for low, high, index in queries:
        queried = ring.challenge("query", dispute, index).event("Queried").args
        assert queried == {"dispute": dispute, "low": low, "high": high, "index": index}
        state, proof = WorkSolver(cheat).answer(index)
        answered = ring.solve("answer", dispute, state, proof).event("Answered").args
        assert answered == {"dispute": dispute, "index": index, "state": state}
    assert (cheat.state(13) == honest.state(13), cheat.state(14) == honest.state(14)) == (True, False)

    receipt = ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))
    executed = receipt.event("OperationExecuted").args
    assert executed["operation"] == FAULT
    assert executed["instruction"] == works()[0].program[FAULT % 8].encode()
    assert (executed["found"], executed["stated"]) == (honest.state(14), cheat.state(14))
    decided = receipt.event("GameDecided").args
    assert decided == {"dispute": dispute, "winner": Turn.CHALLENGER_WON, "how": 1, "rounds": 5}
    assert (ring.winner(dispute), ring.ruling(dispute)) == (Turn.CHALLENGER_WON, CLAIMED)


def test_game__of_honest_work__rules_the_attacked_units(ring: Ring, honest: Work) -> None:
    dispute = narrowed(ring, honest)
    receipt = ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))
    assert receipt.event("GameDecided").args["winner"] == Turn.SOLVER_WON
    assert ring.ruling(dispute) == UNITS


def test_hashes__of_contract_and_python__are_the_same(ring: Ring, cheat: Work) -> None:
    order, statement = works()[0], cheat.statement
    assert ring.referee.call("outputRootOf", statement) == statement.output_root()
    assert ring.referee.call("orderHash", statement.program, statement.input, 4, 8) == order.hash


def test_games__of_several_disputes__do_not_touch_each_other(ring: Ring, cheat: Work, honest: Work) -> None:
    first, second = narrowed(ring, cheat), ring.begun(honest)
    ring.challenge("query", second, 16)
    ring.challenge("prove", first, FAULT, honest.operation_proof(FAULT))
    assert (ring.winner(first), ring.winner(second)) == (Turn.CHALLENGER_WON, Turn.NONE)
    assert ring.game(second)["asked"] == 16


# Opening


def test_open__by_anybody_else__is_refused(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    for who in (ring.solver, ring.stranger, ring.customer):
        with reverts("BisectionReferee_NotPlayer", dispute=dispute, caller=who.address):
            ring.open(dispute, by=who)


def test_open__twice__is_refused(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    with reverts("BisectionReferee_AlreadyOpen", dispute=dispute):
        ring.open(dispute)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"challenger": "0x" + "00" * 20}, "BisectionReferee_Unsuitable"),
        ({"outputRoot": bytes(32)}, "BisectionReferee_Unsuitable"),
        ({"upward": True}, "BisectionReferee_Unsuitable"),
        ({"kind": 2}, "BisectionReferee_Unsuitable"),  # PROPOSAL
        ({"state": 2}, "BisectionReferee_NotArbiter"),  # EVIDENCE
        ({"state": 4}, "BisectionReferee_NotArbiter"),  # APPEALABLE
        ({"state": 6}, "BisectionReferee_NotArbiter"),  # RULED
        ({"state": SECOND}, "BisectionReferee_NotArbiter"),  # the policy has no second arbiter
        ({"policy": 2}, "BisectionReferee_NotArbiter"),  # unknown
    ],
)
def test_open__of_what_is_not_for_this_referee__is_refused(
    ring: Ring, cheat: Work, changes: dict[str, Any], error: str
) -> None:
    dispute = ring.dispute(cheat, **changes)
    with reverts(error, dispute=dispute):
        ring.open(dispute)
    with reverts(error, dispute=dispute):
        ring.state(dispute, cheat)
    with reverts("BisectionReferee_Undecided", dispute=dispute):
        ring.ruling(dispute)


def test_open__late__is_charged_to_the_challenger(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.evm.warp(HALF - 1)
    left = ring.open(dispute).event("GameOpened").args
    assert (left["challengerLeft"], left["solverLeft"]) == (1, HALF)


def test_open__after_the_challengers_half__is_refused(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.evm.warp(HALF)
    with reverts("BisectionReferee_ClockOut", dispute=dispute):
        ring.open(dispute)


def test_nobody__opens__there_is_no_ruling(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.evm.warp(2 * HALF - 1)
    assert ring.winner(dispute) == Turn.NONE
    with reverts("BisectionReferee_Undecided", dispute=dispute):
        ring.ruling(dispute)
    with reverts("BisectionReferee_WrongTurn", dispute=dispute, turn=Turn.NONE):
        ring.referee.transact("callTime", dispute, sender=ring.stranger)


def test_solver__states_first__opens_the_game(ring: Ring, cheat: Work, honest: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.evm.warp(1_000)
    receipt = ring.state(dispute, cheat)
    assert receipt.event("GameOpened").args["challengerLeft"] == HALF - 1_000
    assert ring.game(dispute)["turn"] == Turn.QUERY
    play(ring.table(dispute), WorkSolver(cheat), WorkChallenger(honest), 4, 8)
    assert ring.winner(dispute) == Turn.CHALLENGER_WON


def test_solver__states_when_the_challenger_let_its_half_pass__has_won(ring: Ring, honest: Work) -> None:
    dispute = ring.dispute(honest)
    ring.evm.warp(HALF)
    ring.state(dispute, honest)
    assert (ring.winner(dispute), ring.ruling(dispute)) == (Turn.SOLVER_WON, UNITS)
    with reverts("BisectionReferee_ClockOut", dispute=dispute):
        ring.challenge("query", dispute, 16)


def test_second_round__starts_a_game_of_its_own(ring: Ring, cheat: Work, honest: Work) -> None:
    from tallystick.bisect.scene import POLICY, dispute_terms

    dispute = narrowed(ring, cheat)
    ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))
    referee = ring.referee.address
    ring.set("setTerms", policy=POLICY, terms=dispute_terms(referee, secondArbiter=referee))
    ring.change(dispute, state=SECOND, round=2, rulingStart=ring.evm.now)
    # The first game's result is no ruling of the second round.
    with reverts("BisectionReferee_Undecided", dispute=dispute):
        ring.ruling(dispute)
    ring.open(dispute)
    assert ring.game(dispute) | {"since": 0} == {
        "challenger": ring.challenger.address, "challengerLeft": HALF, "solverLeft": HALF, "turn": Turn.STATEMENT,
        "round": 2, "rounds": 0, "solver": ring.solver.address, "since": 0, "operations": 0, "low": 0, "high": 0,
        "asked": 0, "program": bytes(32), "states": bytes(32), "lowState": bytes(32), "highState": bytes(32),
        "askedState": bytes(32),
    }  # fmt: skip
    ring.state(dispute, cheat)
    play(ring.table(dispute), WorkSolver(cheat), WorkChallenger(honest), 4, 8)
    assert ring.ruling(dispute) == CLAIMED


def test_ruling__once_the_round_is_over__is_none(ring: Ring, cheat: Work, honest: Work) -> None:
    dispute = narrowed(ring, cheat)
    ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))
    ring.change(dispute, state=4)
    with reverts("BisectionReferee_Undecided", dispute=dispute):
        ring.ruling(dispute)


# The statement


@pytest.mark.parametrize("field", Statement._fields)
def test_state__with_any_field_changed__is_refused(ring: Ring, cheat: Work, field: str) -> None:
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    value = getattr(cheat.statement, field)
    other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    with reverts("BisectionReferee_WrongStatement", dispute=dispute):
        ring.state(dispute, cheat, cheat.statement._replace(**{field: other}))


@pytest.mark.parametrize("field", ["checkpoints", "operations"])
def test_state__of_no_work_at_all__is_refused(ring: Ring, cheat: Work, field: str) -> None:
    empty = cheat.statement._replace(**{field: 0})
    dispute = ring.dispute(empty.output_root())
    ring.open(dispute)
    with reverts("BisectionReferee_WrongStatement", dispute=dispute):
        ring.state(dispute, cheat, empty)


def test_state__of_a_made_up_end__is_refused(ring: Ring, cheat: Work) -> None:
    forged = cheat.statement._replace(final_memory=b"\1" * 32)
    dispute = ring.dispute(forged.output_root())
    ring.open(dispute)
    with reverts("BisectionReferee_BadProof", what=b"final state".ljust(32, b"\0")):
        ring.state(dispute, cheat, forged)


@pytest.mark.parametrize("kind", ["earlier", "cut", "long", "empty"])
def test_state__with_a_wrong_proof_of_the_end__is_refused(ring: Ring, cheat: Work, kind: str) -> None:
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    right = cheat.checkpoint_proof(4)
    proof = {"earlier": cheat.checkpoint_proof(3), "cut": right[:-1], "long": right * 17, "empty": []}[kind]
    with reverts("BisectionReferee_BadProof"):
        ring.solve("state", dispute, cheat.statement, proof)


def test_state__of_other_work_than_was_ordered__is_refused(cheat: Work) -> None:
    """A provider that computes something easier, rightly, cannot even say so."""
    ordered = network_order(4, 8, seed=1)
    ring = Ring.of(ordered)
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    with reverts("BisectionReferee_WrongOrder", registered=ordered.hash, stated=works()[0].hash):
        ring.state(dispute, cheat)
    ring.evm.warp(HALF)
    assert ring.ruling(dispute) == CLAIMED


def test_state__of_work_that_is_not_registered__is_refused_until_it_is(cheat: Work) -> None:
    ring = Ring(works()[0].hash, register=False)
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    with reverts("BisectionReferee_WrongOrder", registered=bytes(32)):
        ring.state(dispute, cheat)
    ring.register()
    ring.state(dispute, cheat)
    assert ring.game(dispute)["turn"] == Turn.QUERY


# Queries


@pytest.mark.parametrize("index", [0, 1, 8, 15, 17, 24, 32, 33, 2**64 - 1])
def test_query__first_for_anything_but_the_middle__is_refused(ring: Ring, cheat: Work, index: int) -> None:
    dispute = ring.begun(cheat)
    with reverts("BisectionReferee_WrongIndex", dispute=dispute, index=index):
        ring.challenge("query", dispute, index)


@pytest.mark.parametrize("index", [0, 4, 9, 12, 16, 20, 23, 25, 32])
def test_query__for_no_middle_of_a_half__is_refused(ring: Ring, cheat: Work, index: int) -> None:
    """After state 16 of 0 to 32 only 8 and 24 are."""
    dispute = ring.begun(cheat)
    asked(ring, dispute, cheat, 1)
    with reverts("BisectionReferee_WrongIndex", dispute=dispute, index=index):
        ring.challenge("query", dispute, index)
    for good in (8, 24):
        snapshot = ring.evm.snapshot()
        ring.challenge("query", dispute, good)
        ring.evm.revert(snapshot)


def test_query__when_one_operation_is_left__is_refused(ring: Ring, cheat: Work) -> None:
    dispute = narrowed(ring, cheat)
    for index in (12, 13, 14):
        with reverts("BisectionReferee_WrongIndex", dispute=dispute, index=index):
            ring.challenge("query", dispute, index)


# Answers


def test_answer__of_a_checkpoint_with_another_state__is_refused(
    ring: Ring, cheat: Work, honest: Work
) -> None:
    """What the statement commits to cannot be taken back, not even for the truth."""
    dispute = ring.begun(cheat)
    ring.challenge("query", dispute, 16)
    with reverts("BisectionReferee_BadProof", what=b"checkpoint".ljust(32, b"\0")):
        ring.solve("answer", dispute, honest.state(16), honest.checkpoint_proof(2))
    with reverts("BisectionReferee_BadProof"):
        ring.solve("answer", dispute, honest.state(16), cheat.checkpoint_proof(2))


@pytest.mark.parametrize("checkpoint", [1, 3, 4])
def test_answer__with_another_checkpoints_state_and_proof__is_refused(
    ring: Ring, cheat: Work, checkpoint: int
) -> None:
    dispute = ring.begun(cheat)
    ring.challenge("query", dispute, 16)
    with reverts("BisectionReferee_BadProof"):
        ring.solve("answer", dispute, cheat.state(8 * checkpoint), cheat.checkpoint_proof(checkpoint))


def test_answer__inside_a_checkpoint_with_a_proof__is_refused(ring: Ring, cheat: Work) -> None:
    dispute = ring.begun(cheat)
    asked(ring, dispute, cheat, 2)
    ring.challenge("query", dispute, 12)
    with reverts("BisectionReferee_BadProof"):
        ring.solve("answer", dispute, cheat.state(12), cheat.checkpoint_proof(1))


# The operation


def flipped(word: bytes) -> bytes:
    return bytes([word[0] ^ 0x40]) + word[1:]


def tampered(shown: OperationProof, part: str) -> OperationProof:
    """One part of it changed."""
    if part in ("memory_root", "trace", "instruction"):
        return shown._replace(**{part: flipped(getattr(shown, part))})
    if part == "instruction_proof":
        return shown._replace(instruction_proof=[*shown.instruction_proof[:-1], bytes(32)])
    name, _, how = part.partition(" ")
    cell: CellProof = getattr(shown, name)
    changed = {
        "word": cell._replace(word=flipped(cell.word)),
        "sibling": cell._replace(proof=[flipped(cell.proof[0]), *cell.proof[1:]]),
        "cut": cell._replace(proof=cell.proof[:-1]),
        "long": cell._replace(proof=cell.proof * 9),
    }[how]
    return shown._replace(**{name: changed})


@pytest.mark.parametrize(
    "part",
    ["memory_root", "trace", "instruction", "instruction_proof"]
    + [f"{cell} {how}" for cell in ("a", "b", "target") for how in ("word", "sibling", "cut", "long")],
)
def test_prove__with_one_part_changed__is_refused(ring: Ring, cheat: Work, honest: Work, part: str) -> None:
    dispute = narrowed(ring, cheat)  # operation 13 is a MULTIPLY_ACCUMULATE, which reads all three cells
    with reverts("BisectionReferee_BadProof"):
        ring.challenge("prove", dispute, FAULT, tampered(honest.operation_proof(FAULT), part))
    assert ring.winner(dispute) == Turn.NONE
    ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))


def test_prove__with_another_operations_instruction__is_refused(
    ring: Ring, cheat: Work, honest: Work
) -> None:
    """Also one of the same program with its own good proof: it is bound to its place."""
    dispute = narrowed(ring, cheat)
    other = honest.operation_proof(FAULT + 1)
    shown = honest.operation_proof(FAULT)._replace(
        instruction=other.instruction, instruction_proof=other.instruction_proof
    )
    with reverts("BisectionReferee_BadProof", what=b"instruction".ljust(32, b"\0")):
        ring.challenge("prove", dispute, FAULT, shown)


def test_prove__with_the_cells_exchanged__is_refused(ring: Ring, cheat: Work, honest: Work) -> None:
    dispute = narrowed(ring, cheat)
    shown = honest.operation_proof(FAULT)
    with reverts("BisectionReferee_BadProof", what=b"a".ljust(32, b"\0")):
        ring.challenge("prove", dispute, FAULT, shown._replace(a=shown.b, b=shown.a))


@pytest.mark.parametrize("operation", [0, 11, 12 - 8, 14, 15, 31, 2**64 - 1])
def test_prove__of_an_operation_that_is_not_left__is_refused(
    ring: Ring, cheat: Work, honest: Work, operation: int
) -> None:
    dispute = narrowed(ring, cheat)
    with reverts("BisectionReferee_WrongIndex", dispute=dispute, index=operation):
        ring.challenge("prove", dispute, operation, honest.operation_proof(FAULT))


def test_prove__of_the_other_half__contradicts_the_challenger_itself(
    ring: Ring, cheat: Work, honest: Work
) -> None:
    """Operation 12 is left in the lower half, and is right: naming it gives the game away."""
    dispute = narrowed(ring, cheat)
    ring.challenge("prove", dispute, 12, honest.operation_proof(12))
    assert ring.winner(dispute) == Turn.SOLVER_WON


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_prove__before_one_operation_is_left__is_refused(
    ring: Ring, cheat: Work, honest: Work, rounds: int
) -> None:
    dispute = ring.begun(cheat)
    asked(ring, dispute, cheat, rounds)
    with reverts("BisectionReferee_WrongIndex", dispute=dispute, index=FAULT):
        ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))


# Programs that no compiler would write: the chain gives every instruction a meaning, so that no game hangs


def single(instruction: bytes) -> tuple[Ring, list[bytes], bytes, OperationProof]:
    """A ring for an order of one operation on two empty cells: cells' tree, order's hash, the operation's proof."""
    cells = indexed_tree([bytes(32)] * 2)
    counts = (1).to_bytes(32, "big") * 2
    program = leaf(0, instruction)
    order = keccak256(keccak256(b"Tallystick work order v1") + program + cells[0] + counts)
    cell = CellProof(bytes(32), prove(cells, 0))
    shown = OperationProof(
        cells[0], order, instruction, [], cell, cell, CellProof(bytes(32), prove(cells, 1))
    )
    return Ring(order), cells, order, shown


def accused(ring: Ring, program: bytes, input_root: bytes, final: tuple[bytes, bytes]) -> int:
    """A dispute over work of one operation that ends in (memory root, trace), with the statement made."""
    statement = Statement(program, input_root, 1, 1, leaf(0, state_hash(*final)), *final)
    dispute = ring.dispute(statement.output_root())
    ring.open(dispute)
    ring.solve("state", dispute, statement, [])
    return dispute


@pytest.mark.parametrize("opcode", [0, 5, 255])
def test_unknown_opcode__does_nothing_but_enter_the_trace(opcode: int) -> None:
    instruction = bytes(31) + bytes([opcode])
    ring, cells, order, shown = single(instruction)
    program, trace = leaf(0, instruction), keccak256(order + bytes(32))
    right = accused(ring, program, cells[0], (cells[0], trace))
    ring.challenge("prove", right, 0, shown)
    assert ring.winner(right) == Turn.SOLVER_WON
    wrong = accused(ring, program, cells[0], (cells[0], order))
    ring.challenge("prove", wrong, 0, shown)
    assert ring.winner(wrong) == Turn.CHALLENGER_WON


def test_cell_outside_the_memory__cannot_be_shown__so_the_challenger_runs_out_of_time() -> None:
    """Who orders a program that names a cell which is not there cannot prove it wrong."""
    instruction = Instruction(Opcode.RELU, 2, 0).encode()
    ring, cells, _, shown = single(instruction)
    dispute = accused(ring, leaf(0, instruction), cells[0], (cells[0], b"\1" * 32))
    with reverts("BisectionReferee_BadProof", what=b"target".ljust(32, b"\0")):
        ring.challenge("prove", dispute, 0, shown)
    ring.evm.warp(HALF)
    assert ring.winner(dispute) == Turn.SOLVER_WON


# Turns and players

MOVES = ("state", "query", "answer", "prove")
OF = {"state": Turn.STATEMENT, "query": Turn.QUERY, "prove": Turn.QUERY, "answer": Turn.ANSWER}


def move(ring: Ring, dispute: int, name: str, by: Account, work: Work) -> None:
    """Any move with arguments that would be good in its turn."""
    values = {
        "state": (work.statement, work.checkpoint_proof(4)),
        "query": (16,),
        "answer": WorkSolver(work).answer(16),
        "prove": (FAULT, work.operation_proof(FAULT)),
    }[name]
    ring.referee.transact(name, dispute, *values, sender=by)


def brought_to(ring: Ring, turn: Turn, cheat: Work, honest: Work) -> int:
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    if turn == Turn.STATEMENT:
        return dispute
    ring.state(dispute, cheat)
    if turn == Turn.ANSWER:
        ring.challenge("query", dispute, 16)
    elif turn == Turn.CHALLENGER_WON:
        asked(ring, dispute, cheat, 5)
        ring.challenge("prove", dispute, FAULT, honest.operation_proof(FAULT))
    elif turn == Turn.SOLVER_WON:
        asked(ring, dispute, cheat, 5)
        ring.challenge("prove", dispute, 12, honest.operation_proof(12))
    return dispute


@pytest.mark.parametrize("turn", [each for each in Turn if each != Turn.NONE])
def test_moves__out_of_turn__are_refused(ring: Ring, cheat: Work, honest: Work, turn: Turn) -> None:
    dispute = brought_to(ring, turn, cheat, honest)
    for name in MOVES:
        if OF[name] != turn:
            by = ring.challenger if name in ("query", "prove") else ring.solver
            with reverts("BisectionReferee_WrongTurn", dispute=dispute, turn=turn):
                move(ring, dispute, name, by, cheat)
    with reverts("BisectionReferee_AlreadyOpen", dispute=dispute):
        ring.open(dispute)


@pytest.mark.parametrize("name", MOVES)
def test_moves__by_anybody_else__are_refused(ring: Ring, cheat: Work, honest: Work, name: str) -> None:
    dispute = brought_to(ring, OF[name], cheat, honest)
    other = ring.solver if name in ("query", "prove") else ring.challenger
    for who in (other, ring.stranger, ring.customer):
        with reverts("BisectionReferee_NotPlayer", dispute=dispute, caller=who.address):
            move(ring, dispute, name, who, cheat)


def test_moves__again__are_refused(ring: Ring, cheat: Work) -> None:
    """Each changes whose turn it is, so a replayed transaction does nothing."""
    dispute = ring.begun(cheat)
    with reverts("BisectionReferee_WrongTurn", turn=Turn.QUERY):
        ring.state(dispute, cheat)
    ring.challenge("query", dispute, 16)
    with reverts("BisectionReferee_WrongTurn", turn=Turn.ANSWER):
        ring.challenge("query", dispute, 16)
    said(ring, dispute, cheat, 16)
    with reverts("BisectionReferee_WrongTurn", turn=Turn.QUERY):
        said(ring, dispute, cheat, 16)
    with reverts("BisectionReferee_WrongIndex", index=16):
        ring.challenge("query", dispute, 16)


def test_player__who_was_appointed__moves_until_it_is_dismissed(ring: Ring, cheat: Work) -> None:
    ring.solve("appoint", ring.stranger.address)
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    move(ring, dispute, "state", ring.stranger, cheat)
    ring.challenge("query", dispute, 16)
    with reverts("BisectionReferee_NotPlayer", caller=ring.customer.address):
        move(ring, dispute, "answer", ring.customer, cheat)
    ring.solve("appoint", "0x" + "00" * 20)
    with reverts("BisectionReferee_NotPlayer", caller=ring.stranger.address):
        move(ring, dispute, "answer", ring.stranger, cheat)
    said(ring, dispute, cheat, 16)


# Clocks


@pytest.mark.parametrize(
    ("turn", "winner", "units"),
    [
        (Turn.STATEMENT, Turn.CHALLENGER_WON, CLAIMED),
        (Turn.QUERY, Turn.SOLVER_WON, UNITS),
        (Turn.ANSWER, Turn.CHALLENGER_WON, CLAIMED),
    ],
)
def test_silence__in_each_state__loses_to_the_second(
    ring: Ring, cheat: Work, honest: Work, turn: Turn, winner: Turn, units: int
) -> None:
    dispute = brought_to(ring, turn, cheat, honest)
    until = ring.evm.now + HALF
    ring.evm.warp_to(until - 1)
    assert ring.winner(dispute) == Turn.NONE
    with reverts("BisectionReferee_ClockRuns", dispute=dispute, until=until):
        ring.referee.transact("callTime", dispute, sender=ring.stranger)
    with reverts("BisectionReferee_Undecided", dispute=dispute):
        ring.ruling(dispute)

    ring.evm.warp_to(until)
    assert (ring.winner(dispute), ring.ruling(dispute)) == (winner, units)  # without a transaction
    name = next(name for name in MOVES if OF[name] == turn)
    by = ring.challenger if turn == Turn.QUERY else ring.solver
    with reverts("BisectionReferee_ClockOut", dispute=dispute):
        move(ring, dispute, name, by, cheat)
    called = ring.referee.transact("callTime", dispute, sender=ring.stranger)
    decided = called.event("GameDecided").args
    assert (decided["winner"], decided["how"]) == (winner, 2)
    assert (ring.winner(dispute), ring.ruling(dispute)) == (winner, units)
    with reverts("BisectionReferee_WrongTurn", dispute=dispute, turn=winner):
        ring.referee.transact("callTime", dispute, sender=ring.stranger)


def test_silence__with_one_operation_left__loses(ring: Ring, cheat: Work) -> None:
    """Even a challenger that is right has to show it."""
    dispute = narrowed(ring, cheat)
    ring.evm.warp(HALF)
    assert ring.ruling(dispute) == UNITS


def test_last_second__of_a_clock__is_still_good(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.open(dispute)
    ring.evm.warp(HALF - 1)
    ring.state(dispute, cheat)
    assert ring.game(dispute)["solverLeft"] == 1


def test_clocks__add_up_over_the_moves_of_each_side_alone(ring: Ring, cheat: Work) -> None:
    dispute = ring.dispute(cheat)
    ring.evm.warp(100)
    ring.open(dispute)  # 100 of the challenger's
    ring.evm.warp(2_000)
    ring.state(dispute, cheat)  # 2 000 of the solver's
    ring.evm.warp(300)
    ring.challenge("query", dispute, 16)
    ring.evm.warp(4_000)
    said(ring, dispute, cheat, 16)
    game = ring.game(dispute)
    assert (game["challengerLeft"], game["solverLeft"]) == (HALF - 400, HALF - 6_000)

    ring.evm.warp(HALF - 400 - 1)
    ring.challenge("query", dispute, 8)
    ring.evm.warp(HALF - 6_000)
    assert ring.winner(dispute) == Turn.CHALLENGER_WON
    # Both clocks together are the ruling time: nothing can be undecided when it ends.
    assert ring.evm.now == ring.views[dispute]["deadline"] - 1


def test_clocks__of_a_game_that_the_challenger_lost_by_time__do_not_run_on(ring: Ring, cheat: Work) -> None:
    dispute = ring.begun(cheat)
    ring.evm.warp(HALF)
    ring.referee.transact("callTime", dispute, sender=ring.stranger)
    ring.evm.warp(HALF * 10)
    assert ring.winner(dispute) == Turn.SOLVER_WON


def test_policy__with_an_odd_ruling_time__gives_both_sides_the_half_rounded_down(
    ring: Ring, cheat: Work
) -> None:
    from tallystick.bisect.scene import POLICY, dispute_terms

    ring.set("setTerms", policy=POLICY, terms=dispute_terms(ring.referee.address, rulingTime=2_001))
    dispute = ring.dispute(cheat)
    left = ring.open(dispute).event("GameOpened").args
    assert (left["challengerLeft"], left["solverLeft"]) == (1_000, 1_000)
