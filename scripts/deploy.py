"""`ape run deploy --network …`: puts a deployment on a chain and writes it down; what is there already stays.

    ape run deploy --network ethereum:local:foundry --account TEST::0
        on a chain that Ape starts, and that ends with the command: a rehearsal
    ape run deploy --network ethereum:local:http://127.0.0.1:8545 --account TEST::0
        on an Anvil that runs
    ape run deploy --network ethereum:sepolia --account NAME
        on a test network, through the node that SEPOLIA_RPC_URL names

What is deployed with which parameters stands in src/tallystick/networks; `--set name=value` changes one of
them.
"""

from pathlib import Path
from typing import Any

import click
import yaml
from scripts._common import ACCOUNT, DEPLOYMENTS, Command, one_sentence

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.ape_bridge import ApeSigner, ApeTransport
from tallystick.chain.deployer import deploy
from tallystick.chain.deployment import Plan, networks
from tallystick.chain.node import Node
from tallystick.chain.registry import Registry
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner

LOCAL_CHAINS = (1337, 31337)
PLANS = {"local": "local", "sepolia": "sepolia", "base:sepolia": "base-sepolia"}


def plan_name(ecosystem: str, network: str) -> str:
    """The plan for one of Ape's networks; a fork has that of what it was forked from."""
    network = network.removesuffix("-fork")
    name = PLANS.get(f"{ecosystem}:{network}") or PLANS.get(network)
    if name is None:
        raise click.ClickException(
            f"there is no plan for {ecosystem}:{network}; name one with --plan ({', '.join(networks())})"
        )
    return name


def refuse_public_keys(address: str, chain_id: int) -> None:
    """Ape's and Anvil's test accounts have keys that everybody knows: on a public chain they must own nothing."""
    public = {KeySigner.from_hex(key).address for key in DEV_KEYS}
    if chain_id not in LOCAL_CHAINS and address in public:
        raise click.ClickException(
            f"{address} is a test account, whose key everybody knows: use your own on chain {chain_id} "
            "(`ape accounts import NAME`, then --account NAME)"
        )


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` pairs; values as YAML reads them, so numbers and lists are what they look like."""
    parsed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.ClickException(f"--set takes name=value, not {setting!r}")
        # An address is a number to YAML: 0x… stays text.
        parsed[name] = value if value.startswith("0x") else yaml.safe_load(value)
    return parsed


@click.command(cls=Command)
@ACCOUNT
@click.option("--plan", help="Plan in src/tallystick/networks; by default the network's own.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Changes a parameter of the plan."
)
@DEPLOYMENTS
@click.option("--dry-run", is_flag=True, help="Says what the plan consists of; sends nothing.")
def cli(
    ecosystem: Any,
    network: Any,
    provider: Any,
    account: Any,
    plan: str | None,
    settings: tuple[str, ...],
    deployments: Path | None,
    dry_run: bool,
) -> None:
    """Deploy what is missing, check what is there, and write the registry."""
    with one_sentence():
        chosen = Plan.from_yaml(plan or plan_name(ecosystem.name, network.name), parse_settings(settings))
        node = Node(ApeTransport(provider))
        registry = Registry(deployments)
        path = registry.path(node.chain_id())
        if dry_run:
            _explain(chosen, node, str(account.address), path)
            return
        refuse_public_keys(str(account.address), node.chain_id())
        outcome = deploy(chosen, node, KeySender(node, ApeSigner(account, ecosystem)), registry, click.echo)
        count = len(outcome.receipts)
        if outcome.waiting:
            click.echo(f"{len(outcome.waiting)} steps wait for governance's delay: run again then.")
        click.echo(
            f"{count} transactions, {outcome.gas} gas. The registry is {path}."
            if count or outcome.waiting
            else f"Everything is in place already: nothing was sent. The registry is {path}."
        )


def _explain(plan: Plan, node: Node, deployer: str, path: Path) -> None:
    click.echo(
        f"Plan {plan.network} for chain {node.chain_id()}, from {deployer}; the registry would be {path}."
    )
    click.echo("The Directory, and through it:")
    directory = "0x" + "00" * 19 + "01"
    for creation in plan.creations(deployer, directory):
        click.echo(f"  {creation.index:2}  {creation.name:14}  {len(creation.init_code)} bytes")
    for step in plan.steps(deployer, directory):
        click.echo(f"  {step.title}")
    click.echo("Nothing was sent. What is there already would be left as it is.")
