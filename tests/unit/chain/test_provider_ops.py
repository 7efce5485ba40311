"""What a provider may do, decided from a position; and what it is told otherwise."""

from dataclasses import replace

import pytest

from tallystick.chain import provider_ops as ops
from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.regions import parse_region, region_name
from tallystick.protocol.enums import HardwareClass, Role

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
STAKING, ESCROW, DOLLAR = ("0x" + digit * 40 for digit in "123")
USDC = 10**6
NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
DAY = 86_400
STAKE = ops.Stake(
    operator=3,
    owner=OWNER,
    roles=int(Role.PROVIDER),
    hardware=HardwareClass.DATA_CENTRE_GPU,
    region=840,
    free=2_500 * USDC,
    pledged=0,
    reserved=0,
    thawing=0,
    thaw_ends=0,
    minimum=1_000 * USDC,
)
POSITION = ops.Position(
    owner=OWNER,
    addresses=ops.Addresses(STAKING, ESCROW, DOLLAR, DOLLAR),
    now=NOON,
    thaw=21 * DAY,
    symbol="tUSD",
    wallet=3_000 * USDC,
    allowance=0,
    stakes=(STAKE,),
    earnings=(ops.Earnings(7, 95 * USDC, 15 * USDC),),
)
NEWCOMER = replace(POSITION, stakes=(), earnings=())


def with_stake(**changes: int) -> ops.Position:
    return replace(POSITION, stakes=(replace(STAKE, **changes),))  # type: ignore[arg-type]


def refused(call: object) -> OperatorRefusal:
    """The refusal of a call that must be refused."""
    with pytest.raises(OperatorRefusal) as caught:
        call()  # type: ignore[operator]
    return caught.value


def decoded(action: ops.Action, contract: str, function: str) -> tuple[object, ...]:
    return load(contract).function(function).decode_inputs(action.data)


def test_register__newcomer__gets_an_operator_and_an_account() -> None:
    first, second = ops.register(NEWCOMER, HardwareClass.ASIC, 840, 7, b"\x05" * 32)
    assert (first.to, second.to) == (STAKING, ESCROW)
    assert decoded(first, "Staking", "register") == (1, 3, 840, 7, b"\x05" * 32)
    assert decoded(second, "Escrow", "createAccount") == (OWNER.lower(),)
    assert first.says == f"register {OWNER} as a provider (asic, region US)"


def test_register__account_is_there__only_an_operator_is_made() -> None:
    position = replace(POSITION, stakes=())
    assert len(ops.register(position, HardwareClass.ASIC)) == 1


def test_register__provider_already__needs_another() -> None:
    error = refused(lambda: ops.register(POSITION, HardwareClass.ASIC))
    assert error.code == "already_registered"
    assert "provider 3 already; a second one needs --another" in error.message
    assert len(ops.register(POSITION, HardwareClass.ASIC, another=True)) == 1


def test_stake__allowance_too_small__is_approved_first() -> None:
    approve, stake = ops.stake(POSITION, 2_500 * USDC)
    assert (approve.to, stake.to) == (DOLLAR, STAKING)
    assert decoded(approve, "TestDollar", "approve") == (STAKING, 2_500 * USDC)
    assert decoded(stake, "Staking", "stake") == (3, 2_500 * USDC)
    assert approve.says == "allow Staking to take 2,500 tUSD"
    assert stake.says == "stake 2,500 tUSD for operator 3: 5,000 tUSD free then"


def test_stake__allowance_is_enough__is_one_transaction() -> None:
    assert len(ops.stake(replace(POSITION, allowance=2_500 * USDC), 2_500 * USDC)) == 1
    assert len(ops.stake(replace(POSITION, allowance=2_500 * USDC - 1), 2_500 * USDC)) == 2


def test_stake__still_below_the_minimum__is_said() -> None:
    action = ops.stake(with_stake(free=0), 999 * USDC)[-1]
    assert action.says.endswith("999 tUSD free then (its role needs 1,000 tUSD)")
    assert "needs" not in ops.stake(with_stake(free=0), 1_000 * USDC)[-1].says


def test_stake__wallet_too_small__names_the_faucet_where_there_is_one() -> None:
    error = refused(lambda: ops.stake(POSITION, 3_000 * USDC + 1))
    assert error.code == "not_enough_currency"
    assert "has 3,000 tUSD, but 3,000.000001 tUSD are wanted; mint test dollars with" in error.message
    assert "ape run provider faucet 0.000001" in error.message
    real = replace(POSITION, addresses=ops.Addresses(STAKING, ESCROW, DOLLAR, None))
    assert "faucet" not in refused(lambda: ops.stake(real, 4_000 * USDC)).message


def test_unstake__part__names_the_day_and_the_role_that_ends() -> None:
    (action,) = ops.unstake(POSITION, 1_500 * USDC)
    assert decoded(action, "Staking", "unstake") == (3, 1_500 * USDC)
    assert action.says == "thaw 1,500 tUSD of operator 3 until about 2026-12-13 12:00:00 UTC"
    (action,) = ops.unstake(POSITION, 1_500 * USDC + 1)
    assert "999.999999 tUSD stay free, less than its role needs, so it ends at once" in action.says


def test_unstake__all__takes_what_is_free() -> None:
    (action,) = ops.unstake(with_stake(free=7, pledged=9), None)
    assert decoded(action, "Staking", "unstake") == (3, 7)


def test_unstake__something_thaws_already__says_that_it_starts_again() -> None:
    (action,) = ops.unstake(with_stake(thawing=200 * USDC, thaw_ends=NOON + DAY), USDC)
    assert "the 200 tUSD that thaw already start again with it" in action.says


def test_unstake__more_than_is_free__tells_where_the_rest_is() -> None:
    position = with_stake(free=500 * USDC, pledged=1_500 * USDC, reserved=USDC, thawing=499 * USDC)
    error = refused(lambda: ops.unstake(position, 501 * USDC))
    assert error.code == "not_enough_stake"
    assert error.message == (
        "Operator 3 has 500 tUSD free, 1,500 tUSD behind open agreements, 1 tUSD reserved, "
        "499 tUSD thawing already, but 501 tUSD are wanted: only free stake can thaw."
    )
    assert refused(lambda: ops.unstake(with_stake(free=0), None)).code == "not_enough_stake"


def test_withdraw__a_second_too_early_and_in_time__turns_on_that_second() -> None:
    position = with_stake(thawing=200 * USDC, thaw_ends=NOON + 1)
    error = refused(lambda: ops.withdraw(position))
    assert error.code == "still_thawing"
    assert (
        "still thawing until 2026-11-22 12:00:01 UTC (the chain's clock says 2026-11-22 12:00:00"
        in error.message
    )
    (action,) = ops.withdraw(replace(position, now=NOON + 1))
    assert decoded(action, "Staking", "withdraw") == (3, OWNER.lower())
    (action,) = ops.withdraw(replace(position, now=NOON + 1), DOLLAR)
    assert decoded(action, "Staking", "withdraw") == (3, DOLLAR)


def test_withdraw__nothing_thaws__says_how_to_start() -> None:
    error = refused(lambda: ops.withdraw(POSITION))
    assert error.code == "nothing_thaws"
    assert "ape run provider unstake" in error.message


def test_stake_of__not_mine_none_or_several__is_told_apart() -> None:
    assert refused(lambda: POSITION.stake(9)).code == "not_owner"
    assert refused(lambda: NEWCOMER.stake(None)).code == "unknown_operator"
    two = replace(POSITION, stakes=(STAKE, replace(STAKE, operator=5)))
    error = refused(lambda: two.stake(None))
    assert (error.code, "providers 3, 5: say which with --operator" in error.message) == (
        "ambiguous_operator",
        True,
    )
    assert two.stake(5).operator == 5


def test_stake_of__verifier_beside_a_provider__the_provider_is_meant() -> None:
    verifier = replace(STAKE, operator=2, roles=int(Role.VERIFIER))
    assert replace(POSITION, stakes=(verifier, STAKE)).stake(None).operator == 3


def test_claim__several_accounts__only_those_with_something_due() -> None:
    accounts = (ops.Earnings(7, 95, 15), ops.Earnings(8, 5, 5), ops.Earnings(9, 1, 0))
    position = replace(POSITION, earnings=accounts)
    actions = ops.claim(position, DOLLAR)
    assert [decoded(action, "Escrow", "claim") for action in actions] == [(7, DOLLAR), (9, DOLLAR)]
    assert actions[0].says == f"claim 0.00008 tUSD of account 7 to {DOLLAR}"
    assert len(ops.claim(position, account=9)) == 1


def test_claim__nothing_due__says_why() -> None:
    claimed = replace(POSITION, earnings=(ops.Earnings(7, 5 * USDC, 5 * USDC),))
    assert "earned 5 tUSD so far, and all of it was claimed" in refused(lambda: ops.claim(claimed)).message
    fresh = replace(POSITION, earnings=(ops.Earnings(7, 0, 0),))
    assert "nothing was settled for it yet" in refused(lambda: ops.claim(fresh)).message
    assert "register` creates one" in refused(lambda: ops.claim(NEWCOMER)).message
    assert refused(lambda: ops.claim(POSITION, account=8)).code == "not_owner"


def test_authorise_device__new_and_known__differ() -> None:
    (action,) = ops.authorise_device(POSITION, DOLLAR)
    assert decoded(action, "Staking", "authoriseKey") == (3, 0, DOLLAR)
    assert refused(lambda: ops.authorise_device(POSITION, DOLLAR, known=True)).code == "key_known"


def test_faucet__real_network__is_refused() -> None:
    (action,) = ops.faucet(POSITION, 5 * USDC)
    assert decoded(action, "TestDollar", "mint") == (OWNER.lower(), 5 * USDC)
    real = replace(POSITION, addresses=ops.Addresses(STAKING, ESCROW, DOLLAR, None))
    assert refused(lambda: ops.faucet(real, USDC)).code == "no_faucet"


@pytest.mark.parametrize("planner", [ops.stake, ops.unstake, ops.faucet])
def test_amount__of_zero__is_refused_everywhere(planner: object) -> None:
    assert refused(lambda: planner(POSITION, 0)).code == "bad_value"  # type: ignore[operator]


def test_describe__provider__shows_every_part() -> None:
    position = with_stake(free=500 * USDC, pledged=250 * USDC, thawing=2 * USDC, thaw_ends=NOON + DAY)
    assert ops.describe(position) == [
        f"{OWNER} at 2026-11-22 12:00:00 UTC",
        "  wallet        3,000 tUSD",
        "account 7 in Escrow",
        "  received      95 tUSD",
        "  claimed       15 tUSD",
        "  claimable     80 tUSD",
        "operator 3 (provider · data-centre-gpu · region US), inactive: needs 1,000 tUSD free",
        "  free          500 tUSD",
        "  pledged       250 tUSD",
        "  reserved      0 tUSD",
        "  thawing       2 tUSD",
        "  thaw ends     2026-11-23 12:00:00 UTC",
    ]
    assert ops.describe(replace(position, now=NOON + DAY))[-1].endswith("so it can be withdrawn")
    assert ops.describe(NEWCOMER)[-1].startswith("neither an operator nor an account")


def test_news__after_registering_and_unstaking__tells_numbers_money_and_time() -> None:
    assert ops.news(NEWCOMER, POSITION) == ["This is operator 3.", "It earns into account 7."]
    thawing = with_stake(free=2_300 * USDC, thawing=200 * USDC, thaw_ends=NOON + DAY)
    assert ops.news(POSITION, thawing) == ["200 tUSD can be withdrawn from 2026-11-23 12:00:00 UTC on."]
    richer = replace(POSITION, wallet=3_080 * USDC)
    assert ops.news(POSITION, richer) == ["The wallet has 3,080 tUSD, after 3,000 tUSD."]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data-centre-gpu", HardwareClass.DATA_CENTRE_GPU),
        ("Data-Center-GPU", HardwareClass.DATA_CENTRE_GPU),
        ("consumer_gpu", HardwareClass.CONSUMER_GPU),
        (" asic ", HardwareClass.ASIC),
        ("consumer-soc", HardwareClass.CONSUMER_SOC),
    ],
)
def test_parse_hardware__as_people_write_it__is_understood(text: str, found: HardwareClass) -> None:
    assert ops.parse_hardware(text) is found


@pytest.mark.parametrize("text", ["none", "", "gpu"])
def test_parse_hardware__none_of_them__lists_all(text: str) -> None:
    assert (
        "data-centre-gpu, consumer-gpu, asic or consumer-soc"
        in refused(lambda: ops.parse_hardware(text)).message
    )


@pytest.mark.parametrize(
    ("text", "number"), [("US", 840), ("de", 276), ("840", 840), ("004", 4), (" ch ", 756), ("", 0), ("0", 0)]
)
def test_parse_region__letters_or_number__is_the_iso_code(text: str, number: int) -> None:
    assert parse_region(text) == number


@pytest.mark.parametrize("text", ["XX", "USA", "841", "-1", "٨٤٠", "84000000"])
def test_parse_region__no_country__is_refused(text: str) -> None:
    assert refused(lambda: parse_region(text)).code == "bad_value"


def test_region_name__known_unknown_and_none__are_written() -> None:
    assert (region_name(840), region_name(0), region_name(999)) == ("US", "not said", "999")
