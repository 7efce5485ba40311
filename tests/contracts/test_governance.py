"""Governance as the deployment plans set it up: who may do what, after which delay, and what nobody may do.

The plans themselves run here, on a chain in this process; docs/governance.md is held against them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tallystick.chain.abi import Parameter, short_string
from tallystick.chain.contracts import load
from tallystick.chain.deployment import Plan, Step
from tests.support.escrow import ANN, OTTO, PAULA, RITA, open_desk
from tests.support.evm import Account, Bound, Evm, Log, Reverted, account, reverts
from tests.support.system import Parameters, slash_order

OWNER, GUARDIAN, DEPLOYER, EVE, HEIR = (
    account(name) for name in ("owner", "guardian", "deployer", "eve", "heir")
)
CUSTOMER, PAYEE = 1, 2
ADMIN, GUARDIAN_ROLE, GOVERNOR, TESTER = 0, 1, 2, 3
NAMES: Final = {"ADMIN": ADMIN, "GUARDIAN": GUARDIAN_ROLE, "GOVERNOR": GOVERNOR, "TESTER": TESTER}
DAY: Final = 86_400
DELAY: Final = 2 * DAY
SETBACK: Final = (
    5 * DAY
)  # AccessManager.minSetback: until then a changed delay of its own is not yet in force
WEEK: Final = 7 * DAY  # AccessManager.expiration
DOCS: Final = Path(__file__).parents[2] / "docs" / "governance.md"
NETWORKS: Final = ("base-sepolia", "local", "sepolia")


@dataclass
class Network:
    """A plan on a chain of our own."""

    evm: Evm
    plan: Plan
    directory: Bound
    deployer: Account
    logs: list[Log] = field(default_factory=list)

    @property
    def manager(self) -> Bound:
        return self.at("AccessManager")

    def at(self, name: str) -> Bound:
        return self.evm.at(name, self.plan.addresses(self.directory.address)[name].lower())

    def steps(self) -> tuple[Step, ...]:
        return self.plan.steps(self.deployer.address, self.directory.address)

    def is_done(self, step: Step) -> bool:
        return any(
            condition.holds(
                load(condition.call.contract).decode(
                    condition.call.function,
                    self.evm.call(condition.call.to.lower(), condition.call.data, static=True),
                )
            )
            for condition in step.done
        )

    def run(self, most: int = 10_000) -> int:
        """The setup as the deployer does it; breaks off after `most` calls. Returns how many it sent."""
        sent = 0
        for step in self.steps():
            if self.is_done(step):
                continue
            for call in step.calls:
                if sent == most:
                    return sent
                self.logs += self.evm.transact(call.to.lower(), call.data, sender=self.deployer)[1]
                sent += 1
            assert self.is_done(step), step.title
        return sent

    def schedule(self, target: Bound, function: str, *values: Any, by: Account = OWNER) -> tuple[str, bytes]:
        data = target.encode(function, *values)
        self.manager.transact("schedule", target.address, data, 0, sender=by)
        return target.address, data

    def execute(self, operation: tuple[str, bytes], by: Account = OWNER) -> None:
        self.manager.transact("execute", *operation, sender=by)

    def decide(self, target: Bound, function: str, *values: Any, by: Account = OWNER) -> None:
        """Schedules, waits and executes."""
        operation = self.schedule(target, function, *values, by=by)
        due = self.manager.call("getSchedule", self.manager.call("hashOperation", by.address, *operation))
        self.evm.warp_to(due)
        self.execute(operation, by=by)


def build(name: str = "local", *, same: bool = False, **overrides: Any) -> Network:
    """The contracts of a plan; with `same`, deployer, owner and guardian are one, as the plans say by themselves."""
    evm = Evm()
    apart = {} if same else {"owner": OWNER.address, "guardian": GUARDIAN.address}
    currency = {} if name == "local" else {"currency": evm.deploy("TestDollar", EVE.address).address}
    plan = Plan.from_yaml(name, {**apart, **currency, **overrides})
    directory = evm.deploy("Directory", DEPLOYER.address)
    network = Network(evm, plan, directory, DEPLOYER)
    for creation in plan.creations(DEPLOYER.address, directory.address):
        arguments = (short_string(creation.name), creation.index, creation.init_code)
        directory.transact("deploy", *arguments, sender=DEPLOYER)
    return network


@pytest.fixture
def network() -> Network:
    made = build()
    made.run()
    return made


def documented() -> dict[tuple[str, str], int]:
    """(contract, function) to role, from the table of docs/governance.md."""
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| ([A-Z]+) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert rows
    return {(contract, function): NAMES[role] for contract, function, role in rows}


def nothing(part: Parameter) -> Any:
    """The zero of a type; a stranger's address where one is asked for."""
    if part.type.endswith("]"):
        size = re.search(r"\[(\d+)\]$", part.type)
        return [b"" if "bytes" in part.type else 0] * int(size[1]) if size else []
    if part.components:
        return tuple(nothing(one) for one in part.components)
    if part.type == "address":
        return EVE.address
    if part.type == "bool":
        return False
    if part.type == "string":
        return ""
    if part.type.startswith("bytes"):
        return bytes(int(part.type[5:] or 0))
    return 0


def writes(network: Network) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Every function of the plan's own contracts that can change something, with arguments that fit its types."""
    for name in network.plan.names:
        if name == "AccessManager" or name.endswith("Extension"):
            continue
        for signature, function in load(name).functions.items():
            if "(" in signature and function.mutability not in ("view", "pure"):
                yield name, signature, tuple(nothing(part) for part in function.inputs)


# Who may do what


def test_restricted_functions__are_those_of_the_documented_table_and_no_exit_is_among_them(
    network: Network,
) -> None:
    found = set()
    for name, signature, values in writes(network):
        try:
            network.at(name).transact(signature, *values, sender=EVE)
        except Reverted as refused:
            if refused.name == "AccessManagedUnauthorized":
                found.add((name, signature.partition("(")[0]))
    # `setAuthority` is for the AccessManager itself, which knows it as `updateAuthority`.
    movable = {(name, function) for name, function in found if function == "setAuthority"}
    assert {name for name, _ in movable} == {
        "Escrow",
        "EscrowRulings",
        "FeeSplitter",
        "JackpotPool",
        "PolicyBook",
        "ReceiptLedger",
        "ReceiptLedgerDisputes",
        "Staking",
        "SupplierRewards",
    }
    assert found - movable == set(documented())
    exits = {
        "withdraw", "claimShare", "settle", "settleOne", "refund", "refundMany", "refundEarly", "close", "poke",
        "replace", "selfPost", "collect", "postSigned", "release", "finalise", "makeGood", "unstake", "cancelThaw",
        "claimCredit", "resign", "claim", "pull", "retryRelease", "checkpoint", "claimAndStake", "claimFor",
    }  # fmt: skip
    assert not exits & {function for _, function in documented()}


@pytest.mark.parametrize("name", NETWORKS)
def test_roles__of_every_plan__are_the_documented_ones(name: str) -> None:
    network = build(name)
    network.run()
    for (contract, function), role in documented().items():
        selector = load(contract).function(function).selector
        assert network.manager.call("getTargetFunctionRole", network.at(contract).address, selector) == role
    assert network.manager.call("getRoleGuardian", GOVERNOR) == GUARDIAN_ROLE
    assert {role: network.manager.call("getRoleAdmin", role) for role in (1, 2, 3)} == {1: 0, 2: 0, 3: 0}


def test_members__after_the_setup__have_delays_and_nobody_is_a_tester(network: Network) -> None:
    held = {
        (who.address, role): tuple(network.manager.call("hasRole", role, who.address))
        for who in (OWNER, GUARDIAN, DEPLOYER, EVE)
        for role in (ADMIN, GUARDIAN_ROLE, GOVERNOR, TESTER)
    }
    assert {key: value for key, value in held.items() if value != (False, 0)} == {
        (OWNER.address, ADMIN): (True, DELAY),
        (OWNER.address, GOVERNOR): (True, DELAY),
        (GUARDIAN.address, GUARDIAN_ROLE): (True, 0),
    }
    granted = [log.args for log in network.logs if log.name == "RoleGranted"]
    assert {(one["roleId"], one["account"]) for one in granted} == {
        (ADMIN, OWNER.address),
        (GUARDIAN_ROLE, GUARDIAN.address),
        (GOVERNOR, OWNER.address),
    }


def test_setup__by_one_person__leaves_that_person_with_delays() -> None:
    network = build(same=True)
    network.run()
    held = [tuple(network.manager.call("hasRole", role, DEPLOYER.address)) for role in (0, 1, 2, 3)]
    assert held == [(True, DELAY), (True, 0), (True, DELAY), (False, 0)]
    assert network.directory.call("owner") == DEPLOYER.address
    with reverts("AccessManagerNotScheduled"):
        network.at("Escrow").transact("setFees", 1, 1, sender=DEPLOYER)


def test_setup__again__sends_nothing(network: Network) -> None:
    assert network.run() == 0


def test_setup__interrupted_after_any_call__is_completed_by_another_run() -> None:
    network = build()
    start = network.evm.snapshot()
    whole = network.run()
    for sent in range(1, whole):
        network.evm.revert(start)
        network.run(sent)
        network.run()
        assert all(network.is_done(step) for step in network.steps())
        assert network.manager.call("hasRole", ADMIN, DEPLOYER.address) == (False, 0)
        assert network.at("PolicyBook").call("count") == 1
    assert whole > 30


def test_setup__left_out_as_for_a_replay__leaves_the_deployer_administrator() -> None:
    network = build(same=True, setup=[], policies=[])
    assert network.run() == 0
    assert network.manager.call("hasRole", ADMIN, DEPLOYER.address) == (True, 0)
    network.at("Escrow").transact("setFees", 1, 1, sender=DEPLOYER)
    assert network.at("Escrow").call("fees") == (1, 1)


# Delays


def test_governor__must_schedule_and_wait(network: Network) -> None:
    escrow = network.at("Escrow")
    before = escrow.call("fees")
    with reverts("AccessManagerNotScheduled"):
        escrow.transact("setFees", 400, 100, sender=OWNER)
    operation = network.schedule(escrow, "setFees", 400, 100)
    ready = network.evm.now + DELAY
    network.evm.warp_to(ready - 1)
    for act in (
        lambda: escrow.transact("setFees", 400, 100, sender=OWNER),
        lambda: network.execute(operation),
    ):
        with reverts("AccessManagerNotReady"):
            act()
    assert escrow.call("fees") == before
    network.evm.warp_to(ready)
    with reverts("AccessManagerNotScheduled"):
        escrow.transact("setFees", 401, 100, sender=OWNER)  # what was announced, and nothing else
    escrow.transact("setFees", 400, 100, sender=OWNER)
    assert escrow.call("fees") == (400, 100)
    with reverts("AccessManagerNotScheduled"):
        escrow.transact("setFees", 400, 100, sender=OWNER)  # and once


def test_governor__may_not_ask_for_less_nor_keep_it_in_the_drawer(network: Network) -> None:
    escrow = network.at("Escrow")
    data = escrow.encode("setFees", 400, 100)
    early = network.evm.now + DELAY - 1
    with reverts("AccessManagerUnauthorizedCall", caller=OWNER.address):
        network.manager.transact("schedule", escrow.address, data, early, sender=OWNER)
    operation = network.schedule(escrow, "setFees", 400, 100)
    network.evm.warp(DELAY + WEEK)
    with reverts("AccessManagerExpired"):
        network.execute(operation)


def test_guardian__may_stop_what_is_scheduled_and_a_stranger_may_not(network: Network) -> None:
    operation = network.schedule(network.at("Escrow"), "setFees", 400, 100)
    with reverts("AccessManagerUnauthorizedCancel"):
        network.manager.transact("cancel", OWNER.address, *operation, sender=EVE)
    network.manager.transact("cancel", OWNER.address, *operation, sender=GUARDIAN)
    network.evm.warp(DELAY)
    with reverts("AccessManagerNotScheduled"):
        network.execute(operation)


@pytest.mark.parametrize(
    "caller", [OWNER, GUARDIAN, DEPLOYER, EVE], ids=["owner", "guardian", "deployer", "eve"]
)
def test_nobody__can_skip_the_delay(network: Network, caller: Account) -> None:
    """Every documented function, at once: only the guardian's own succeed, or fail for reasons of their own."""
    for (contract, function), role in documented().items():
        if caller is GUARDIAN and role == GUARDIAN_ROLE:
            continue
        target = network.at(contract)
        values = tuple(nothing(part) for part in load(contract).function(function).inputs)
        mine = caller is OWNER and role == GOVERNOR
        with reverts("AccessManagerNotScheduled" if mine else "AccessManagedUnauthorized"):
            target.transact(function, *values, sender=caller)
        data = target.encode(function, *values)
        with reverts("AccessManagerNotScheduled" if mine else "AccessManagerUnauthorizedCall"):
            network.manager.transact("execute", target.address, data, sender=caller)


def test_guardian__pauses_at_once_what_may_be_paused(network: Network) -> None:
    for contract, pause, resume in (
        ("Escrow", "pauseOpening", "resumeOpening"),
        ("ReceiptLedger", "pausePosting", "resumePosting"),
    ):
        target = network.at(contract)
        target.transact(pause, 60, sender=GUARDIAN)
        target.transact(resume, sender=GUARDIAN)


# The roles themselves


def test_administrator__must_schedule_too(network: Network) -> None:
    manager = network.manager
    for function, values in (
        ("grantRole", (GOVERNOR, EVE.address, 0)),
        ("grantRole", (TESTER, OWNER.address, 0)),
        ("grantRole", (ADMIN, OWNER.address, 0)),
        ("revokeRole", (GUARDIAN_ROLE, GUARDIAN.address)),
        ("setGrantDelay", (TESTER, 0)),
        ("setRoleAdmin", (TESTER, GOVERNOR)),
        ("setRoleGuardian", (TESTER, GOVERNOR)),
        ("setTargetFunctionRole", (network.at("Staking").address, [b"\1\2\3\4"], GOVERNOR)),
        ("setTargetAdminDelay", (network.at("Staking").address, 0)),
        ("setTargetClosed", (network.at("Escrow").address, True)),
        ("updateAuthority", (network.at("Escrow").address, EVE.address)),
    ):
        with reverts("AccessManagerNotScheduled"):
            manager.transact(function, *values, sender=OWNER)
        for caller in (GUARDIAN, DEPLOYER, EVE):
            with reverts("AccessManagerUnauthorizedAccount", msgsender=caller.address):
                manager.transact(function, *values, sender=caller)


def test_new_governor__waits_for_the_decision_and_for_the_grant(network: Network) -> None:
    network.evm.warp(SETBACK)
    network.decide(network.manager, "grantRole", GOVERNOR, HEIR.address, DELAY)
    assert network.manager.call("hasRole", GOVERNOR, HEIR.address) == (False, DELAY)
    network.evm.warp(DELAY)
    assert network.manager.call("hasRole", GOVERNOR, HEIR.address) == (True, DELAY)


def test_court_and_challenges__are_fixed_for_ever_and_no_role_does_what_they_do(network: Network) -> None:
    court, challenges = network.at("Court").address, network.at("Challenges").address
    staking, escrow, ledger = network.at("Staking"), network.at("Escrow"), network.at("ReceiptLedger")
    assert (staking.call("COURT"), staking.call("CHALLENGES")) == (court, challenges)
    assert (escrow.call("COURT"), ledger.call("COURT"), ledger.call("CHALLENGES")) == (
        court,
        court,
        challenges,
    )
    order = slash_order(2, 5)
    for caller in (OWNER, GUARDIAN, DEPLOYER, EVE):
        with reverts("Staking_NotCourt", caller=caller.address):
            staking.transact("slash", order, sender=caller)
        with reverts("Escrow_NotCourt", caller=caller.address):
            escrow.transact("freeze", 1 << 32, sender=caller)


def test_delays__are_in_force_five_days_after_the_setup(network: Network) -> None:
    """What governance.md warns of: until then only the administrator's own delay stands."""
    targets = {
        "PolicyBook": DELAY,
        "FeeSplitter": DELAY,
        "ReceiptLedger": DELAY,
        "Staking": DELAY,
        "Escrow": DELAY,
        "JackpotPool": DELAY,
        "SupplierRewards": DELAY,
    }

    def delays() -> list[int]:
        grants = [network.manager.call("getRoleGrantDelay", role) for role in (0, 1, 2, 3)]
        of = [network.manager.call("getTargetAdminDelay", network.at(name).address) for name in targets]
        return grants + of

    network.evm.warp(SETBACK - 1)
    assert set(delays()) == {0}
    network.evm.warp(1)
    assert delays() == [DELAY, DELAY, DELAY, DELAY, *targets.values()]


# The Directory


def test_directory__moves_to_its_owner_in_two_steps(network: Network) -> None:
    directory = network.directory
    assert (directory.call("owner"), directory.call("pendingOwner")) == (DEPLOYER.address, OWNER.address)
    count = directory.call("count")
    code = load("TestTally").init_code({"minter": EVE.address})
    arguments = (short_string("Another"), count + 1, code)
    with reverts("OwnableUnauthorizedAccount", account=OWNER.address):
        directory.transact("deploy", *arguments, sender=OWNER)
    with reverts("OwnableUnauthorizedAccount", account=EVE.address):
        directory.transact("acceptOwnership", sender=EVE)
    directory.transact("acceptOwnership", sender=OWNER)
    with reverts("OwnableUnauthorizedAccount", account=DEPLOYER.address):
        directory.transact("deploy", *arguments, sender=DEPLOYER)
    directory.transact("deploy", *arguments, sender=OWNER)
    assert directory.call("count") == count + 1


# What runs


def test_every_role_at_once_and_without_delay__touches_no_running_agreement_and_stops_no_exit() -> None:
    """The administrator of the test's scene has all roles and waits for nothing; it uses them all."""
    desk = open_desk(Parameters(fee_customer=100))
    system, admin = desk.system, desk.system.admin
    agreement = desk.opened(expiry=desk.now + 10 * DAY)
    desk.pay([(agreement, 200_000)])
    waiting = desk.post([(agreement, 500_000)])
    before = desk.agreement(agreement), desk.picture()
    desk.escrow.transact("setFees", 1_000, 1_000, sender=admin)
    system.policy_book.transact("retire", 1, sender=admin)
    system.add_policy(relayer=1)
    system.splitter.transact("setShares", 5_000, 3_000, 2_000, sender=admin)
    system.splitter.transact("setTreasury", EVE.address, sender=admin)
    desk.escrow.transact("pauseOpening", 3 * DAY, sender=admin)
    desk.ledger.transact("pausePosting", 3 * DAY, sender=admin)
    for contract in (desk.escrow, system.staking):
        with pytest.raises(Reverted):
            contract.transact("recoverSurplus", system.currency.address, EVE.address, sender=admin)
    after = desk.agreement(agreement), desk.picture()
    assert after[0] == before[0]
    same = ("sequence", "balances", "earnings", "operators")
    assert [after[1][name] for name in same] == [before[1][name] for name in same]
    # `setShares` credits what was due by the old shares first: both fees of 200 000.
    assert (before[1]["fees"], after[1]["fees"]) == ((12_000, 0), (12_000, 12_000))
    assert before[1]["currency"] - after[1]["currency"] == 12_000
    # Under both pauses, with its policy retired, the agreement goes to its end by the terms it was opened with.
    received = desk.received(PAYEE)
    desk.evm.warp(DAY)
    desk.settle(waiting)
    assert desk.received(PAYEE) - received == 285_000  # 300 000 less 500 bps, not 1 000
    desk.escrow.transact("close", agreement, sender=OTTO)
    free = desk.free(CUSTOMER)
    desk.escrow.transact("claim", PAYEE, PAULA.address, sender=PAULA)
    assert system.balance(PAULA) == 475_000
    desk.escrow.transact("withdraw", CUSTOMER, 7, ANN.address, sender=ANN)
    system.staking.transact("unstake", 2, 1, sender=RITA)
    desk.evm.warp(5 * DAY + 1)
    desk.escrow.transact("refund", agreement, sender=EVE)
    assert desk.free(CUSTOMER) - free + 7 == 505_000  # 500 000 and its customer fee of 100 bps
    assert desk.pledged() == 0
    desk.check_solvent()
