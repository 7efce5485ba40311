"""Plans as data: what is wrong with one is said before anything could be sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from tests.support.policies import planned_policy

from tallystick.chain.contracts import load
from tallystick.chain.deployment import Plan, create_address, networks
from tallystick.chain.errors import BadPlan
from tallystick.protocol import constants
from tallystick.protocol.accounting.policies import DisputeTerms, Policy
from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.hashing import keccak256

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
DIRECTORY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def small(**changes: Any) -> dict[str, Any]:
    """A plan of two contracts."""
    data: dict[str, Any] = {
        "chains": [31337],
        "parameters": {"limit": 1_000, "boss": "$deployer"},
        "contracts": {
            "AccessManager": {"initialAdmin": "$boss"},
            "PolicyBook": {"authority": "$AccessManager", "maxLiability": "$limit", "postGrace": 70},
        },
    }
    return {**data, **changes}


def test_create_address__first_contracts_of_anvils_first_account__are_the_well_known_ones() -> None:
    assert create_address(ALICE, 0) == DIRECTORY
    assert create_address(ALICE, 1) == "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32])
def test_create_address__any_nonce__agrees_with_rlp(nonce: int) -> None:
    encoded = rlp.encode([bytes.fromhex(ALICE[2:]), nonce])
    assert create_address(ALICE, nonce).lower() == "0x" + keccak256(encoded)[12:].hex()


@pytest.mark.parametrize("network", ["base-sepolia", "local", "sepolia"])
def test_from_yaml__every_network__fits_the_abis(network: str) -> None:
    assert network in networks()
    plan = Plan.from_yaml(network)
    names = [creation.name for creation in plan.creations(ALICE, DIRECTORY)]
    assert names == list(plan.names)
    assert {"Escrow", "ReceiptLedger", "Staking", "PolicyBook", "FeeSplitter", "DividendVault"} <= set(names)
    assert ("TestDollar" in names) == (network == "local")


@pytest.mark.parametrize("network", ["base-sepolia", "local", "sepolia"])
def test_parameters__of_every_network__are_the_protocols_defaults(network: str) -> None:
    found = Plan.from_yaml(network).parameters(ALICE, DIRECTORY)
    assert found["thawPeriod"] == constants.THAW_PERIOD
    assert found["maxLiability"] == constants.MAX_LIABILITY
    assert found["maxPause"] == constants.MAX_PAUSE
    assert found["keyRevocationDelay"] == constants.KEY_REVOCATION_DELAY
    assert found["exitDelay"] == constants.EXIT_DELAY
    assert (found["postGrace"], found["settleGrace"]) == (constants.POST_GRACE, constants.SETTLE_GRACE)
    assert found["feeProvider"] == constants.FEE_PROVIDER_BPS
    assert found["feeCustomer"] == constants.FEE_CUSTOMER_BPS
    shares = (found["dividendsBps"], found["insuranceBps"], found["treasuryBps"])
    assert shares == (constants.DIVIDENDS_BPS, constants.INSURANCE_BPS, constants.TREASURY_BPS)
    assert found["minProvider"] == constants.MIN_STAKE_PROVIDER
    assert found["minVerifier"] == constants.MIN_STAKE_VERIFIER
    assert found["minRelayer"] == constants.MIN_STAKE_RELAYER


def test_creations__references__become_predicted_addresses() -> None:
    first, second = Plan.from_data("small", small()).creations(ALICE, DIRECTORY)
    assert first.address == create_address(DIRECTORY, 1)
    assert second.address == create_address(DIRECTORY, 2)
    assert first.arguments == (ALICE,)
    assert second.arguments == (first.address, 1_000, 70)
    words = first.address[2:].lower().zfill(64) + f"{1_000:064x}" + f"{70:064x}"
    assert second.init_code == load("PolicyBook").creation_code + bytes.fromhex(words)


def test_overrides__parameter_and_section__replace_what_the_file_says() -> None:
    plan = Plan.from_yaml("local", {"feeProvider": 300, "policies": [], "setup": []})
    assert plan.parameters(ALICE, DIRECTORY)["feeProvider"] == 300
    assert plan.steps(ALICE, DIRECTORY) == ()


def test_steps__of_the_local_network__put_its_policy_in_the_book_before_the_roles_are_locked() -> None:
    steps = Plan.from_yaml("local").steps(ALICE, DIRECTORY)
    titles = [step.title for step in steps]
    assert titles[0] == "Operator 1 is the network's relayer"
    place = titles.index("Policy 1 is in the book")
    assert place < titles.index(
        "The governor sets fees, policies and shares, and recovers donations, after the delay"
    )
    last = steps[place]
    (terms,) = load("PolicyBook").function("add").decode_inputs(last.calls[0].data)
    # The protocol's defaults are those of the model's class; the local network has one attester, operator 2, and its
    # disputes go to the jury first, then to the council.
    places = Plan.from_yaml("local").addresses(DIRECTORY)
    dispute = DisputeTerms(arbiter=places["Jury"].lower(), second_arbiter=places["Council"].lower())
    defaults = Policy(VerificationKind.ATTESTED, 1, 1, dispute=dispute, verifiers=(2,))
    assert terms == tuple(defaults)
    assert last.done[0].holds(1)
    assert not last.done[0].holds(0)


def test_steps__fees__are_done_when_both_agree() -> None:
    plan = Plan.from_yaml("local", {"setup": [], "policies": [], "fees": {"provider": 300, "customer": 25}})
    (step,) = plan.steps(ALICE, DIRECTORY)
    assert step.done[0].holds((300, 25))
    assert not step.done[0].holds((300, 0))
    assert load("Escrow").function("setFees").decode_inputs(step.calls[0].data) == (300, 25)


WRONG: list[tuple[str, Callable[[], dict[str, Any]], str]] = [
    ("no contracts", lambda: {"parameters": {}}, "no `contracts`"),
    ("section nobody reads", lambda: small(contract={}), "nobody reads: contract"),
    ("unknown contract", lambda: small(contracts={"Escrov": {}}), "no artefact of a contract 'Escrov'"),
    (
        "wrong name",
        lambda: small(contracts={"AccessManager": {"admin": "$deployer"}}),
        "misses initialAdmin and does not know admin",
    ),
    (
        "out of range",
        lambda: small(parameters={"limit": 2**32, "boss": "$deployer"}),
        r"PolicyBook.constructor.maxLiability must lie between 0 and 4294967295",
    ),
    (
        "wrong type",
        lambda: small(parameters={"limit": "soon", "boss": "$deployer"}),
        "must be a whole number, not 'soon'",
    ),
    (
        "reference to nothing",
        lambda: small(parameters={"limit": 1, "boss": "$chief"}),
        r"refers to \$chief, which is nothing",
    ),
    (
        "reference to itself",
        lambda: small(parameters={"limit": "$limit", "boss": "$deployer"}),
        r"\$limit refers to itself",
    ),
    (
        "parameter named as a contract",
        lambda: small(parameters={"limit": 1, "boss": "$deployer", "PolicyBook": 1}),
        "names of contracts: PolicyBook",
    ),
    ("fees by halves", lambda: small(fees={"provider": 5}), "given as provider and customer"),
    (
        "step without condition",
        lambda: small(setup=[{"title": "t", "calls": []}]),
        "a step has `title`, `calls` and `done`",
    ),
    (
        "step with a call that does not fit",
        lambda: small(
            setup=[
                {
                    "title": "t",
                    "calls": [{"PolicyBook.retire": {"policy": 70_000}}],
                    "done": {"read": "PolicyBook.count", "at_least": 1},
                }
            ]
        ),
        "PolicyBook.retire.policy must lie between",
    ),
    (
        "step of a contract that is not planned",
        lambda: small(setup=[{"title": "t", "calls": [], "done": {"read": "Escrow.fees", "equals": [1, 2]}}]),
        "Escrow.fees is of a contract that the plan does not have",
    ),
    (
        "selector of a function that there is not",
        lambda: small(
            setup=[
                {
                    "title": "t",
                    "calls": [],
                    "done": {
                        "read": "AccessManager.getTargetFunctionRole",
                        "with": ["$PolicyBook", "$PolicyBook.remove"],
                        "equals": 2,
                    },
                }
            ]
        ),
        r"PolicyBook has no function 'remove'",
    ),
    (
        "step that nothing ends",
        lambda: small(setup=[{"title": "t", "calls": [], "done": []}]),
        "'t' is done when nothing holds",
    ),
    (
        "condition without a measure",
        lambda: small(setup=[{"title": "t", "calls": [], "done": {"read": "PolicyBook.count"}}]),
        "needs either at_least or equals",
    ),
]


@pytest.mark.parametrize(("make", "complaint"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_from_data__plan_that_contradicts_itself__is_refused(
    make: Callable[[], dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(BadPlan, match=complaint):
        Plan.from_data("small", make())


def test_from_yaml__unknown_network_parameter_or_file__is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPlan, match="no plan for 'moon'; there are base-sepolia, local, sepolia"):
        Plan.from_yaml("moon")
    with pytest.raises(BadPlan, match="no parameter feeProvidr; it has owner, guardian"):
        Plan.from_yaml("local", {"feeProvidr": 1})
    with pytest.raises(BadPlan, match="cannot be read"):
        Plan.from_yaml(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("contracts: [")
    with pytest.raises(BadPlan, match="cannot be read"):
        Plan.from_yaml(tmp_path / "bad.yaml")


def test_condition__field_that_is_not_there__is_a_mistake_of_the_plan() -> None:
    steps = Plan.from_yaml("local").steps(ALICE, DIRECTORY)
    key = next(step for step in steps if "signs batches" in step.title)
    assert key.done[0].holds({"validFrom": 5, "revokedAt": 0})
    assert not key.done[0].holds({"validFrom": 0, "revokedAt": 0})
    with pytest.raises(BadPlan, match="no result called validFrom"):
        key.done[0].holds({"until": 5})


def test_steps__that_come_last__wait_for_policies_and_fees() -> None:
    done = {"read": "PolicyBook.count", "at_least": 1}
    first = {"title": "first", "calls": [], "done": done}
    last = {"title": "last", "calls": [], "done": done, "last": True}
    policy = planned_policy()
    steps = Plan.from_data("small", small(setup=[last, first], policies=[policy])).steps(ALICE, DIRECTORY)
    assert [step.title for step in steps] == ["first", "Policy 1 is in the book", "last"]


def test_steps__selectors_alternatives_and_the_directory__are_resolved() -> None:
    entry = {
        "title": "roles",
        "calls": [
            {
                "AccessManager.setTargetFunctionRole": {
                    "target": "$PolicyBook",
                    "selectors": ["$PolicyBook.retire"],
                    "roleId": 2,
                }
            },
            {"Directory.transferOwnership": {"newOwner": "$boss"}},
        ],
        "done": [
            {"read": "Directory.owner", "equals": "$boss"},
            {"read": "Directory.pendingOwner", "equals": "$boss"},
        ],
    }
    (step,) = Plan.from_data("small", small(setup=[entry])).steps(ALICE, DIRECTORY)
    roles, offer = step.calls
    # cast sig "retire(uint16)"
    book = create_address(DIRECTORY, 2)
    selector = keccak256(b"retire(uint16)")[:4]
    assert load("AccessManager").function("setTargetFunctionRole").decode_inputs(roles.data) == (
        book.lower(),
        (selector,),
        2,
    )
    assert offer.to == DIRECTORY
    assert [condition.call.function for condition in step.done] == ["owner", "pendingOwner"]
    assert step.done[0].holds(ALICE.lower())  # with a checksum or without
    assert not step.done[0].holds(DIRECTORY)
