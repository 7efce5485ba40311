"""docs/operations.md leaves nothing out: every flag, every metric, every variable; and its example is a program."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Counter
from typer.main import get_command

from tallystick.chain.endpoints import RPC_VARIABLE
from tallystick.relayer.command import KEY_VARIABLE, app
from tallystick.relayer.metrics import LOOPS, Metrics

ROOT: Final = Path(__file__).resolve().parents[2]
TEXT: Final = (ROOT / "docs" / "operations.md").read_text("utf-8")


def rows() -> set[str]:
    """What stands in the first columns of tables, without arguments."""
    return {name.split(" ")[0] for name in re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE)}


def test_relayer__every_flag__has_a_row() -> None:
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    flags = {parameter.opts[0] for parameter in run.params}
    assert "--rpc" in flags
    assert flags - rows() == set()


def test_relayer__every_metric__has_a_row_and_no_other_has() -> None:
    metrics = Metrics(CollectorRegistry())
    names = set()
    for one in vars(metrics).values():
        if hasattr(one, "_name"):
            names.add(one._name + ("_total" if isinstance(one, Counter) else ""))
    assert len(names) > 10
    assert {row for row in rows() if row.startswith("tallystick_")} == names
    assert all(loop in TEXT for loop in LOOPS)


@pytest.mark.parametrize("name", [RPC_VARIABLE, KEY_VARIABLE])
def test_environment__both_forms__are_named(name: str) -> None:
    assert f"`{name}`, `{name}_FILE`" in TEXT


def test_example__of_signing__is_a_program_that_imports_what_there_is() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    tree = ast.parse(blocks[0])
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "operations.md", "exec"), {})


@pytest.mark.parametrize(
    "heading",
    [
        "Deploying",
        "Providers",
        "The relayer",
        "Running it as a service",
        "Replay and demo",
        "When something is wrong",
    ],
)
def test_headings__that_others_link_to__are_there(heading: str) -> None:
    assert f"\n## {heading}\n" in TEXT
