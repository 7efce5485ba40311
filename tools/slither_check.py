#!/usr/bin/env python3
"""Run Slither over the contracts, and fail on every finding that is not explained.

    tools/slither_check.py                  findings without an explanation, exit 1 when there are some
    tools/slither_check.py --all            every finding, with its explanation or without
    tools/slither_check.py --report FILE    all of them as JSON

docs/slither.yaml holds the explanations: by detector, the function it is about (`Contract.function`, or `*`), and why
it is meant to be so. One that explains nothing any more fails as well, so the file cannot outlive the code. Mocks and
OpenZeppelin are not looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import compile as compiler  # noqa: E402  our tools/compile.py

EXPLANATIONS = ROOT / "docs" / "slither.yaml"


class Finding(NamedTuple):
    """One result: which detector, how grave, where, and what it says."""

    detector: str
    impact: str
    where: str
    text: str


def findings() -> list[Finding]:
    """Every result of every detector about our own contracts."""
    # solc-select, which comes with it and is not used, would make a folder in the home directory.
    os.environ["VIRTUAL_ENV"] = str(ROOT / ".cache")
    from crytic_compile import CryticCompile
    from crytic_compile.platform.solc_standard_json import SolcStandardJson
    from slither import Slither
    from slither.detectors import all_detectors
    from slither.detectors.abstract_detector import AbstractDetector

    sources = compiler.find_sources([compiler.CONTRACTS])
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {name: {"urls": [name]} for name in sources},
        "settings": compiler.settings() | {"remappings": ["@openzeppelin/=node_modules/@openzeppelin/"]},
    }
    os.chdir(ROOT)
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=ROOT / ".cache") as file:
        json.dump(request, file)
        file.flush()
        target = SolcStandardJson(file.name)
        built = CryticCompile(target, solc=str(compiler.SOLC))
    slither = Slither(built)
    kinds = [
        kind
        for kind in vars(all_detectors).values()
        if isinstance(kind, type) and issubclass(kind, AbstractDetector) and kind is not AbstractDetector
    ]
    for kind in kinds:
        slither.register_detector(kind)
    found = []
    for results in slither.run_detectors():
        for result in results:
            names = [source_of(element) for element in result["elements"]]
            if not any(name.startswith("contracts/") and "/mocks/" not in name for name in names):
                continue
            found.append(
                Finding(
                    result["check"], result["impact"], place(result), " ".join(result["description"].split())
                )
            )
    return sorted(set(found))


def source_of(element: dict[str, Any]) -> str:
    return str(element.get("source_mapping", {}).get("filename_relative", ""))


def place(result: dict[str, Any]) -> str:
    """`Contract.function` of the first element of ours, or the bare name of what it is."""
    for first in result["elements"]:
        if not source_of(first).startswith("contracts/"):
            continue
        element = first
        parent = parent_of(element)
        while element["type"] not in ("function", "contract") and parent:
            element, parent = parent, parent_of(parent)
        owner = parent.get("name", "")
        named = owner and element["type"] != "contract"
        return f"{owner}.{element['name']}" if named else str(element["name"])
    return "?"


def parent_of(element: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = element.get("type_specific_fields", {}).get("parent", {})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--all", action="store_true", help="show the explained ones too")
    parser.add_argument("--report", type=Path, help="write all findings as JSON")
    wanted = parser.parse_args()
    explained: dict[str, dict[str, str]] = yaml.safe_load(EXPLANATIONS.read_text("utf-8")) or {}
    found = findings()
    used: set[tuple[str, str]] = set()
    open_ones = 0
    for finding in found:
        reasons = explained.get(finding.detector, {})
        key = finding.where if finding.where in reasons else "*"
        reason = reasons.get(key)
        if reason is not None:
            used.add((finding.detector, key))
        else:
            open_ones += 1
        if reason is None or wanted.all:
            print(f"{finding.detector} ({finding.impact}) {finding.where}: {finding.text[:400]}")
            print(f"    {reason or 'NOT EXPLAINED in docs/slither.yaml'}")
    stale = sorted(
        (detector, key)
        for detector, reasons in explained.items()
        for key in reasons
        if (detector, key) not in used
    )
    for detector, key in stale:
        print(f"docs/slither.yaml explains {detector} at {key}, which Slither does not find any more.")
    if wanted.report:
        wanted.report.parent.mkdir(parents=True, exist_ok=True)
        wanted.report.write_text(json.dumps([item._asdict() for item in found], indent=2) + "\n", "utf-8")
    print(
        f"{len(found)} findings, {open_ones} without an explanation, {len(stale)} explanations without a finding"
    )
    return 1 if open_ones or stale else 0


if __name__ == "__main__":
    sys.exit(main())
