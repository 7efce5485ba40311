"""Whether a receipt may be paid, by hand-worked cases and by an independent statement of the rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.protocol.judge import Figure, Opinion, PolicyRule, confirmed, payable, rejected

FIGURE = Figure(7, 100, b"a" * 32)
NONE = PolicyRule(1, 0, 0, frozenset())
ATTESTED = PolicyRule(2, 1, 1, frozenset({3}))
QUORUM = PolicyRule(3, 2, 2, frozenset({3, 4, 5}))
TEE = PolicyRule(4, 3, 0, frozenset())


def says(operator: int, valid: bool = True, figure: Figure = FIGURE) -> Opinion:
    return Opinion(figure, valid, operator)


def test_payable__policy_none__receipt_alone_is_enough() -> None:
    assert payable(NONE, FIGURE, [])


def test_payable__policy_none_and_an_invalid_verdict__still_payable() -> None:
    assert payable(NONE, FIGURE, [says(3, valid=False)])


@pytest.mark.parametrize(
    ("rule", "verdicts", "expected"),
    [
        (ATTESTED, [], False),
        (ATTESTED, [says(3)], True),
        (ATTESTED, [says(4)], False),
        (ATTESTED, [says(3, valid=False)], False),
        (ATTESTED, [says(3, valid=False), says(3)], True),
        (QUORUM, [says(3)], False),
        (QUORUM, [says(3), says(3)], False),  # one verifier counts once
        (QUORUM, [says(3), says(5)], True),
        (QUORUM, [says(3), says(6)], False),  # a stranger does not count
        (QUORUM, [says(3), says(4, valid=False)], False),
        (QUORUM, [says(3), says(4, valid=False), says(5)], True),
        (QUORUM, [says(3), says(4, figure=FIGURE._replace(units=101))], False),
        (QUORUM, [says(3), says(4, figure=FIGURE._replace(output_root=b"b" * 32))], False),
        (QUORUM, [says(3), says(4, figure=FIGURE._replace(agreement=8))], False),
        (TEE, [says(3), says(4), says(5)], False),
    ],
)
def test_payable__verdicts__quorum_of_different_verifiers_for_this_figure(
    rule: PolicyRule, verdicts: list[Opinion], expected: bool
) -> None:
    assert payable(rule, FIGURE, verdicts) is expected


def test_payable__tee__with_an_attested_device_alone() -> None:
    assert payable(TEE, FIGURE, [], attested=True)
    assert not payable(TEE, FIGURE, [says(3)], attested=False)
    assert not payable(ATTESTED, FIGURE, [], attested=True)


@pytest.mark.parametrize("rule", [NONE, TEE])
def test_confirmed__policy_without_verifiers__nobody_can(rule: PolicyRule) -> None:
    assert not confirmed(rule, FIGURE, [says(3), says(4), says(5)])


def test_confirmed__attested_and_quorum__as_a_receipt_would_need() -> None:
    assert confirmed(ATTESTED, FIGURE, [says(3)])
    assert confirmed(QUORUM, FIGURE, [says(3), says(4)])
    assert not confirmed(QUORUM, FIGURE, [says(3), says(3)])


@pytest.mark.parametrize(
    ("rule", "verdicts", "expected"),
    [
        (ATTESTED, [], False),
        (ATTESTED, [says(3, valid=False)], True),
        (ATTESTED, [says(3)], False),
        (QUORUM, [says(3, valid=False), says(3, valid=False)], False),
        (QUORUM, [says(3, valid=False), says(4)], False),
        (QUORUM, [says(3, valid=False), says(6, valid=False)], False),  # a stranger does not count
        (QUORUM, [says(3, valid=False), says(4, valid=False)], True),
        (QUORUM, [says(3, valid=False), says(4, valid=False, figure=FIGURE._replace(units=99))], False),
        (NONE, [says(3, valid=False), says(4, valid=False), says(5, valid=False)], False),
        (TEE, [says(3, valid=False), says(4, valid=False), says(5, valid=False)], False),
    ],
)
def test_rejected__invalid_verdicts__the_same_quorum_with_the_same_valid_units(
    rule: PolicyRule, verdicts: list[Opinion], expected: bool
) -> None:
    assert rejected(rule, FIGURE, verdicts) is expected


@given(
    quorum=st.integers(1, 4),
    verifiers=st.frozensets(st.integers(1, 6), max_size=6),
    verdicts=st.lists(st.builds(says, st.integers(1, 8), st.booleans()), max_size=12),
)
def test_payable__any_order__same_answer_as_counting_one_by_one(
    quorum: int, verifiers: frozenset[int], verdicts: list[Opinion]
) -> None:
    rule = PolicyRule(3, 2, quorum, verifiers)
    agreeing = 0
    for verifier in sorted(verifiers):
        if any(verdict.operator == verifier and verdict.valid for verdict in verdicts):
            agreeing += 1
    assert payable(rule, FIGURE, verdicts) is payable(rule, FIGURE, verdicts[::-1]) is (agreeing >= quorum)
