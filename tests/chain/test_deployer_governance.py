"""A deployer that governance's delay holds up: it schedules, says so, and goes on when the delay is over."""

from __future__ import annotations

from tests.support.policies import planned_policy

from tallystick.chain.anvil import Anvil
from tallystick.chain.contracts import load
from tallystick.chain.deployer import deploy
from tallystick.chain.deployment import Plan
from tallystick.chain.registry import Registry
from tallystick.chain.sender import KeySender

DELAY = 172_800
WEEK = 604_800


def plan(policies: int) -> Plan:
    """A book whose administrator locks itself when the first policies are in."""
    lock = {
        "title": "locked",
        "last": True,
        "calls": [
            {"AccessManager.grantRole": {"roleId": 0, "account": "$deployer", "executionDelay": DELAY}}
        ],
        "done": {"read": "AccessManager.hasRole", "with": [0, "$deployer"], "equals": [True, DELAY]},
    }
    return Plan.from_data(
        "small",
        {
            "contracts": {
                "AccessManager": {"initialAdmin": "$deployer"},
                "PolicyBook": {"authority": "$AccessManager", "maxLiability": 1_209_600, "postGrace": 60},
            },
            "setup": [lock],
            "policies": [planned_policy(relayer=number) for number in range(1, policies + 1)],
        },
    )


def test_deploy__policies_added_after_the_lock__are_scheduled_and_done_by_a_later_run(
    anvil: Anvil, deployer: KeySender, registry: Registry
) -> None:
    def run(policies: int) -> tuple[int, list[str], int]:
        outcome = deploy(plan(policies), anvil.node, deployer, registry, said.append)
        book = outcome.deployment.address("PolicyBook")
        count = anvil.node.read(load("PolicyBook"), book, "count")
        return len(outcome.receipts), outcome.waiting, count

    said: list[str] = []
    added = ["Policy 2 is in the book", "Policy 3 is in the book"]
    assert run(1) == (5, [], 1)  # Directory, two contracts, policy, lock
    assert run(3) == (2, added, 1)
    assert [text for text in said if "run again after" in text]
    assert run(3) == (0, added, 1)
    anvil.increase_time(DELAY - 60)
    anvil.mine()
    assert run(3) == (0, added, 1)
    anvil.increase_time(120)
    anvil.mine()
    assert run(3) == (2, [], 3)
    assert run(3) == (0, [], 3)
    # What lapsed is announced again.
    assert run(4) == (1, ["Policy 4 is in the book"], 3)
    anvil.increase_time(DELAY + WEEK)
    anvil.mine()
    assert run(4) == (1, ["Policy 4 is in the book"], 3)
    anvil.increase_time(DELAY + 60)
    anvil.mine()
    assert run(4) == (1, [], 4)
