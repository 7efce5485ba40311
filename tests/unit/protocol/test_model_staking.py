"""Operators, keys, thaw, slashes and policies on the model."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import START, World

from tallystick.protocol.constants import KEY_REVOCATION_DELAY, MICRO, THAW_PERIOD, UINT64_MAX
from tallystick.protocol.enums import BondSource, HardwareClass, KeyKind, Role, VerificationKind
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import (
    DisputeTerms,
    Model,
    ModelParameters,
    Policy,
    SlashOrder,
    StakingParameters,
)

ZERO = "0x" + "0" * 40


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


@pytest.mark.parametrize(
    ("roles", "hardware", "fits"),
    [
        (Role.PROVIDER, HardwareClass.ASIC, True),
        (Role.PROVIDER, HardwareClass.NONE, False),
        (Role.RELAYER, HardwareClass.NONE, True),
        (Role.VERIFIER, HardwareClass.ASIC, False),
        (7, HardwareClass.CONSUMER_SOC, True),
        (0, HardwareClass.NONE, False),
        (8, HardwareClass.NONE, False),
    ],
)
def test_register__roles_and_class__must_fit(roles: int, hardware: HardwareClass, fits: bool) -> None:
    staking = Model().staking
    if fits:
        assert staking.register(roles, hardware, caller="a") == 1
        assert staking.owner_of(1) == "a"
    else:
        with refused("Staking_BadRegistration"):
            staking.register(roles, hardware, caller="a")
        assert staking.count() == 0


def test_minimum_stake__mask__the_highest_of_its_roles(world: World) -> None:
    minimum = world.model.staking.minimum_stake
    assert [minimum(roles) // MICRO for roles in range(8)] == [
        0,
        1000,
        2000,
        2000,
        10_000,
        10_000,
        10_000,
        10_000,
    ]


def test_unstake__asked_for_more__clock_of_all_of_it_restarts(world: World) -> None:
    staking, o = world.model.staking, world.operator
    staking.unstake(o, 100, caller="provider", now=START)
    staking.unstake(o, 50, caller="provider", now=START + 10)
    with refused("Staking_StillThawing"):
        staking.withdraw(o, "bank", caller="provider", now=START + 9 + THAW_PERIOD)
    assert staking.withdraw(o, "bank", caller="provider", now=START + 10 + THAW_PERIOD) == 150
    with refused("Staking_NothingThaws"):
        staking.withdraw(o, "bank", caller="provider", now=START + 10 + THAW_PERIOD)
    assert world.model.currency.balance_of("bank") == 150
    world.model.check_invariants()


def test_cancel_thaw__all_of_it__is_free_again(world: World) -> None:
    staking, o = world.model.staking, world.operator
    with refused("Staking_NothingThaws"):
        staking.cancel_thaw(o, caller="provider")
    staking.unstake(o, 4_500 * MICRO, caller="provider", now=START)
    assert not staking.is_active(o, Role.PROVIDER)
    staking.cancel_thaw(o, caller="provider")
    assert staking.is_active(o, Role.PROVIDER)
    assert staking.operators[0].thaw_ends == 0


def test_staking__wrong_calls__refused_by_name(world: World) -> None:
    s = world.model.staking
    calls = {
        "Staking_NotOwner": [
            lambda: s.unstake(1, 1, caller="relayer", now=START),
            lambda: s.cancel_thaw(99, caller="relayer"),
            lambda: s.withdraw(1, "x", caller="relayer", now=START),
            lambda: s.set_signer_threshold(1, 0, caller="relayer"),
            lambda: s.authorise_key(1, KeyKind.DEVICE, ZERO, caller="relayer", now=START),
            lambda: s.revoke_key(1, KeyKind.DEVICE, "k", caller="relayer", now=START),
        ],
        "Staking_UnknownOperator": [
            lambda: s.stake(99, 0, caller="relayer"),
            lambda: s.slash(SlashOrder(99, amount=1), caller="Court"),
        ],
        "Staking_ZeroAmount": [
            lambda: s.stake(1, 0, caller="provider"),
            lambda: s.unstake(1, 0, caller="provider", now=START),
        ],
        "Staking_ZeroAddress": [
            lambda: s.withdraw(1, ZERO, caller="provider", now=START),
            lambda: s.claim_credit(ZERO, caller="provider"),
            lambda: s.authorise_key(1, KeyKind.DEVICE, ZERO, caller="provider", now=START),
        ],
        "Staking_NotEnoughFree": [lambda: s.unstake(1, 5_000 * MICRO + 1, caller="provider", now=START)],
        "Staking_NothingToClaim": [lambda: s.claim_credit("x", caller="provider")],
        "Staking_BadThreshold": [lambda: s.set_signer_threshold(1, 0, caller="provider")],
        "Staking_KeyUnknown": [lambda: s.revoke_key(1, KeyKind.DEVICE, "k", caller="provider", now=START)],
        "Staking_NotEscrow": [
            lambda: s.try_pledge(1, 1, caller="provider"),
            lambda: s.release(1, 1, caller="provider"),
        ],
        "Staking_NotCourt": [
            lambda: s.slash(SlashOrder(99, amount=1), caller="provider"),
            lambda: s.slash(SlashOrder(99, amount=1), caller="admin"),  # no role can
        ],
        "Staking_NotLedger": [
            lambda: s.try_reserve(1, 1, caller="Challenges"),
            lambda: s.unreserve(1, 1, caller="provider"),
            lambda: s.forfeit(1, 1, "x", caller="provider"),
            lambda: s.return_bond(1, 1, BondSource.FREE, caller="Court"),
        ],
        "StakeParts_TooMuch": [lambda: s.stake(1, UINT64_MAX, caller="provider")],
    }
    for code, attempts in calls.items():
        for attempt in attempts:
            with refused(code):
                attempt()
    world.model.check_invariants()


def test_try_pledge__free_stake_up_to_the_minimum__stays(world: World) -> None:
    staking = world.model.staking
    assert not staking.try_pledge(world.operator, 4_000 * MICRO + 1, caller="Escrow")
    assert staking.try_pledge(world.operator, 4_000 * MICRO, caller="Escrow")
    assert not staking.try_pledge(world.operator, 1, caller="Escrow")
    assert not staking.try_pledge(world.relayer, 0, caller="Escrow")  # no provider
    assert not staking.try_pledge(99, 0, caller="Escrow")


def test_keys__validity__from_its_second_on_and_until_revoked(world: World) -> None:
    staking, o = world.model.staking, world.operator
    staking.authorise_key(o, KeyKind.DEVICE, "gpu", caller="provider", now=100)
    assert [staking.is_key_valid(o, KeyKind.DEVICE, "gpu", t) for t in (99, 100)] == [False, True]
    assert not staking.is_key_valid(o, KeyKind.VERIFIER, "gpu", 100)
    staking.revoke_key(o, KeyKind.DEVICE, "gpu", caller="provider", now=200)
    ends = 200 + KEY_REVOCATION_DELAY
    assert [staking.is_key_valid(o, KeyKind.DEVICE, "gpu", t) for t in (ends - 1, ends)] == [True, False]
    with refused("Staking_KeyAlreadyRevoked"):
        staking.revoke_key(o, KeyKind.DEVICE, "gpu", caller="provider", now=201)
    with refused("Staking_KeyAlreadyAuthorised"):
        staking.authorise_key(o, KeyKind.DEVICE, "gpu", caller="provider", now=10**7)
    staking.authorise_key(o, KeyKind.VERIFIER, "gpu", caller="provider", now=300)
    staking.revoke_key(o, KeyKind.VERIFIER, "gpu", caller="provider", now=400)
    assert not staking.is_key_valid(o, KeyKind.VERIFIER, "gpu", 400)


@pytest.mark.parametrize(
    ("amount", "loss", "bps", "parts"),
    [
        (1_000, 400, 3_000, (400, 300, 300)),
        (1_000, 900, 3_000, (900, 100, 0)),
        (1_000, 5_000, 3_000, (1_000, 0, 0)),
        (1_001, 0, 1, (0, 1, 1_000)),  # ceil(0.1001)
        (0, 0, 0, (0, 0, 0)),
    ],
)
def test_slash__hand_worked__victim_first_then_reward_then_insurance(
    world: World, amount: int, loss: int, bps: int, parts: tuple[int, int, int]
) -> None:
    staking = world.model.staking
    order = SlashOrder(
        world.operator, amount=amount, victim="victim", loss=loss, challenger="challenger", reward_bps=bps
    )
    assert staking.slash(order, caller="Court") == (0, amount, *parts, 0)
    credited = [staking.credits.get(holder, 0) for holder in ("victim", "challenger", "InsurancePool")]
    assert tuple(credited) == parts
    assert world.model.insurance_pool.pull_slashes() == parts[2]
    world.model.check_invariants()


def test_slash__more_than_there_is__free_then_thawing_never_the_pledge(world: World) -> None:
    staking = world.model.staking
    world.open()  # pledges 100
    staking.unstake(world.operator, 1_000 * MICRO, caller="provider", now=START)
    staking.slash(SlashOrder(world.operator, amount=4_000 * MICRO), caller="Challenges")
    operator = staking.operators[0]
    assert (operator.free, operator.pledged, operator.thawing) == (0, 100 * MICRO, 900 * MICRO)
    assert staking.slash(SlashOrder(world.operator, amount=UINT64_MAX), caller="Court").slashed == 900 * MICRO
    assert (operator.pledged, operator.thawing, operator.thaw_ends) == (100 * MICRO, 0, 0)
    world.model.check_invariants()


@pytest.mark.parametrize(
    "order",
    [
        SlashOrder(1, amount=1, loss=1),
        SlashOrder(1, amount=1, reward_bps=1),
        SlashOrder(1, amount=1, fee=1),
        SlashOrder(1, amount=1, victim="v", loss=1, challenger="c", reward_bps=3_001),
        SlashOrder(1, recover=1, victim="v"),  # of a pledge alone
    ],
)
def test_slash__share_without_a_name_or_reward_too_high__refused(world: World, order: SlashOrder) -> None:
    with refused("Staking_BadSlash"):
        world.model.staking.slash(order, caller="Court")


def test_slash__with_a_fee__slash_first_then_the_fee_as_far_as_it_reaches(world: World) -> None:
    """5 000 free, 1 000 of them thawing: 4 500 slashed, then 500 of the 800 of fees are left."""
    staking = world.model.staking
    staking.unstake(world.operator, 1_000 * MICRO, caller="provider", now=START)
    order = SlashOrder(world.operator, amount=4_500 * MICRO, fee=800 * MICRO, fee_to="arbiter")
    outcome = staking.slash(order, caller="Court")
    assert (outcome.slashed, outcome.to_insurance, outcome.fee) == (4_500 * MICRO, 4_500 * MICRO, 500 * MICRO)
    assert staking.credits["arbiter"] == 500 * MICRO
    assert staking.operators[0].stake == 0
    world.model.check_invariants()


def test_claim_credit__victim__is_paid_once(world: World) -> None:
    staking = world.model.staking
    staking.slash(SlashOrder(world.operator, amount=70, victim="victim", loss=70), caller="Court")
    assert staking.claim_credit("bank", caller="victim") == 70
    assert world.model.currency.balance_of("bank") == 70
    with refused("Staking_NothingToClaim"):
        staking.claim_credit("bank", caller="victim")
    world.model.check_invariants()


def test_staking__thaw_not_longer_than_liability_and_pause__refused() -> None:
    just_enough = StakingParameters(thaw_period=151, max_liability=100, max_pause=50)
    Model(ModelParameters(staking=just_enough))
    with refused("Staking_ThawTooShort"):
        Model(ModelParameters(staking=StakingParameters(thaw_period=150, max_liability=100, max_pause=50)))


ROUNDS = DisputeTerms()
# 14 days less windows 3 + 1/4, evidence 1, twice a ruling of 2, appeal 1 and cooling 1.
ROUNDS_LEFT = (14 - 3 - 1 - 4 - 1 - 1) * 86_400 - 21_600
GOOD = Policy(VerificationKind.QUORUM, 2, 1, verifiers=(3, 5, 9))


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        (GOOD._replace(relayer=0), "relayer"),
        (GOOD._replace(coverage_bps=10_001), "coverageBps"),
        (GOOD._replace(challenge_window=0), "challengeWindow"),
        (GOOD._replace(self_post_window=0), "selfPostWindow"),
        (GOOD._replace(response_window=0), "responseWindow"),
        (GOOD._replace(notice=1_209_601), "notice"),
        (GOOD._replace(dispute=ROUNDS._replace(contest_time=ROUNDS_LEFT + 1)), "liability"),
        (GOOD._replace(dispute=ROUNDS._replace(contest_time=0)), "contestTime"),
        (GOOD._replace(dispute=ROUNDS._replace(evidence_time=0)), "evidenceTime"),
        (GOOD._replace(dispute=ROUNDS._replace(ruling_time=0)), "rulingTime"),
        (GOOD._replace(dispute=ROUNDS._replace(appeal_time=0)), "appealTime"),
        (GOOD._replace(dispute=ROUNDS._replace(bond_bps=10_001)), "bondBps"),
        (GOOD._replace(dispute=ROUNDS._replace(slash_bps=10_001)), "slashBps"),
        (GOOD._replace(dispute=ROUNDS._replace(reward_bps=3_001)), "rewardBps"),
        (GOOD._replace(dispute=ROUNDS._replace(accused_bps=10_001)), "accusedBps"),
        (GOOD._replace(dispute=ROUNDS._replace(arbiter_fee=50 * MICRO + 1)), "arbiterFee"),
        (GOOD._replace(dispute=ROUNDS._replace(appeal_fee=100 * MICRO + 1)), "appealFee"),
        (GOOD._replace(min_confidence=10_001), "minConfidence"),
        (GOOD._replace(quorum=0), "quorum"),
        (GOOD._replace(quorum=4), "quorum"),
        (GOOD._replace(verifiers=()), "verifiers"),
        (GOOD._replace(verifiers=(3, 3, 9)), "verifiers"),
        (GOOD._replace(verifiers=(0, 3)), "verifiers"),
        (GOOD._replace(verifiers=tuple(range(1, 18))), "verifiers"),
        (GOOD._replace(kind=VerificationKind.ATTESTED), "verifiers"),
        (GOOD._replace(kind=VerificationKind.ATTESTED, verifiers=(3,)), "quorum"),
        (GOOD._replace(kind=VerificationKind.NONE), "verifiers"),
        (GOOD._replace(kind=VerificationKind.TEE, issuer="issuer", verifiers=()), "quorum"),
        (GOOD._replace(kind=VerificationKind.TEE, quorum=0, verifiers=()), "issuer"),
        (GOOD._replace(issuer="issuer"), "issuer"),
        (GOOD._replace(customer_credentials=1), "issuer"),
        (GOOD._replace(operator_credentials=1 << 9, issuer="issuer"), "credentials"),
        (GOOD._replace(customer_credentials=1 << 11, issuer="issuer"), "credentials"),
        (GOOD._replace(measurement=b"m" * 32), "measurement"),
        (GOOD._replace(silence=0), "silence"),
        (GOOD._replace(silence=1_209_601), "silence"),
        (GOOD._replace(report_time=86_400 + 259_200 - 86_400 + 1), "reportTime"),
    ],
)
def test_add_policy__figures_that_do_not_fit__refused_by_name(policy: Policy, fault: str) -> None:
    book = Model().policy_book
    with pytest.raises(Refused, match=fault) as caught:
        book.add(policy, caller="admin")
    assert caught.value.code == "PolicyBook_BadPolicy"
    assert book.count() == 0


def test_policy_book__add_and_retire__append_only() -> None:
    book = Model().policy_book
    assert [book.add(GOOD, caller="admin"), book.add(GOOD, caller="admin")] == [1, 2]
    with refused("AccessManagedUnauthorized"):
        book.add(GOOD, caller="anyone")
    with refused("AccessManagedUnauthorized"):
        book.retire(1, caller="anyone")
    book.retire(1, caller="admin")
    with refused("PolicyBook_AlreadyRetired"):
        book.retire(1, caller="admin")
    with refused("PolicyBook_UnknownPolicy"):
        book.retire(3, caller="admin")
    assert book.opening_terms(1) == (False, 1_000)
    assert book.opening_terms(2) == (True, 1_000)
    assert book.opening_terms(3) == (False, 0)
