#!/usr/bin/env python3
"""Compile the contracts into the artefacts that ship inside the Python package.

    tools/compile.py                  compile all, write src/tallystick/artifacts
    tools/compile.py --check          compile all, write nothing, exit 1 when the committed artefacts differ
    tools/compile.py PATH...          compile only these files or folders, write nothing
    tools/compile.py --only A,B       compile these contracts alone and write their artefacts, but no manifest: for work
                                      in progress, a whole compilation must follow

Every contract under contracts/ that can be deployed, and those of EXTERNAL, becomes one JSON file with

    contractName, sourceName   where it comes from
    abi                        as the compiler gives it
    bytecode                   creation code, without constructor arguments
    deployedBytecode           run-time code; immutables are zero in it
    immutableReferences        [{"start", "length"}] in bytes: where the constructor writes immutables
    codeHash                   keccak256 of deployedBytecode, so of the chain's code with those ranges zeroed

manifest.json holds the compiler, its settings and a SHA-256 of every source that went in. The code carries no
metadata hash, so comments do not change it. Nothing here depends on the machine or the time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sha3

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
MODULES = ROOT / "node_modules"
ARTIFACTS = ROOT / "src" / "tallystick" / "artifacts"
SOLC = ROOT / "tools" / "solc"

# ape-config.yaml repeats these four for `ape compile`.
OPTIMIZER_RUNS = 10_000_000
VIA_IR = True
EVM_VERSION = "cancun"
EXTERNAL = {"AccessManager": "@openzeppelin/contracts/access/manager/AccessManager.sol"}

# Contracts that are too large at that many runs, each in a file of its name: compiled apart, for size. At 2 000 runs a
# settlement takes as much gas as at ten million, an opening 281 more; the room is worth more than that.
FEWER_RUNS = {"Court": 200, "Escrow": 2_000, "EscrowExtension": 200, "EscrowRulings": 200, "Jury": 1_000}

# A contract whose fallback hands calls to extensions has one ABI: its own and theirs.
EXTENSIONS = {
    "Court": ("CourtExecution",),
    "Escrow": ("EscrowExtension", "EscrowRulings"),
    "ReceiptLedger": ("ReceiptLedgerExtension", "ReceiptLedgerDisputes"),
}

SIZE_LIMIT = 24_576  # EIP-170, run-time code
INIT_SIZE_LIMIT = 49_152  # EIP-3860, creation code

# Warnings about our own files that we accept; any other fails the build.
ACCEPTED_WARNINGS = {
    "2394": "transient storage: the locks of ReentrancyGuardTransient are meant to end with the transaction",
    "5574": "code size: reported below, as an error",
    "3860": "creation code size: reported below, as an error",
}

OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]

Json = dict[str, Any]


class CompileError(Exception):
    """The sources do not compile, or not as we want them; the message says everything."""


def settings(runs: int = OPTIMIZER_RUNS) -> Json:
    return {
        "optimizer": {"enabled": True, "runs": runs},
        "viaIR": VIA_IR,
        "evmVersion": EVM_VERSION,
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    }


def find_sources(paths: list[Path]) -> dict[str, Path]:
    """Source unit names, relative to the project, of the Solidity files in paths."""
    files = {file for path in paths for file in ([path] if path.suffix == ".sol" else path.rglob("*.sol"))}
    sources = {file.resolve().relative_to(ROOT).as_posix(): file for file in sorted(files)}
    sources = {name: file for name, file in sources.items() if "/.cache/" not in name}  # Ape unpacks into one
    if not sources:
        raise CompileError(f"There is no Solidity file in {', '.join(map(str, paths))}.")
    return sources


def run_solc(
    sources: dict[str, Path],
    external: list[str],
    runs: int = OPTIMIZER_RUNS,
    only: dict[str, str] | None = None,
) -> Json:
    """The compiler's answer: what there is to compile, or the code of `only` these, by name and source unit."""
    selection: Json = {name: {"": ["ast"]} for name in [*sources, *external]}
    if only is not None:
        selection = {}
        for name, source in only.items():
            selection.setdefault(source, {})[name] = OUTPUTS
    content = {name: {"content": path.read_text("utf-8")} for name, path in sources.items()}
    content |= {name: {"content": (MODULES / name).read_text("utf-8")} for name in external}
    request = {
        "language": "Solidity",
        "sources": content,
        "settings": settings(runs) | {"outputSelection": selection},
    }
    try:
        answer = subprocess.run(
            [str(SOLC), "--standard-json", "--base-path", str(ROOT), "--include-path", str(MODULES)],
            input=json.dumps(request), capture_output=True, text=True, check=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise CompileError(
            f"The compiler broke off with exit code {error.returncode}:\n{error.stderr}"
        ) from error
    output: Json = json.loads(answer.stdout)
    return output


def problems(output: Json) -> list[str]:
    """The errors, and the warnings about our own files that are not accepted, as the compiler words them."""

    def counts(entry: Json) -> bool:
        if entry["severity"] == "error":
            return True
        ours = not entry.get("sourceLocation", {}).get("file", "").startswith("@")
        return entry["severity"] == "warning" and ours and entry.get("errorCode") not in ACCEPTED_WARNINGS

    return [entry["formattedMessage"].rstrip() for entry in output.get("errors", []) if counts(entry)]


def deployable(ast: Json) -> list[str]:
    return [
        node["name"]
        for node in ast["nodes"]
        if node["nodeType"] == "ContractDefinition"
        and node["contractKind"] == "contract"
        and not node["abstract"]
    ]


def artifact(source: str, name: str, compiled: Json) -> Json:
    creation: str = compiled["evm"]["bytecode"]["object"]
    runtime: str = compiled["evm"]["deployedBytecode"]["object"]
    if "__$" in creation:
        raise CompileError(f"{name} needs a library linked in; give its functions internal visibility.")
    references = compiled["evm"]["deployedBytecode"].get("immutableReferences", {})
    ranges = sorted((span["start"], span["length"]) for spans in references.values() for span in spans)
    return {
        "contractName": name,
        "sourceName": source,
        "abi": compiled["abi"],
        "bytecode": f"0x{creation}",
        "deployedBytecode": f"0x{runtime}",
        "immutableReferences": [{"start": start, "length": length} for start, length in ranges],
        "codeHash": f"0x{sha3.keccak_256(bytes.fromhex(runtime)).hexdigest()}",
    }


def compile_contracts(
    sources: dict[str, Path], external: dict[str, str]
) -> tuple[dict[str, Json], list[str]]:
    """Artefacts by contract name, and the names of all source units that took part.

    Raises CompileError with every problem: errors, warnings, contracts of one name, or over a size limit.
    """
    output = run_solc(sources, list(external.values()))
    if found := problems(output):
        raise CompileError("\n\n".join(found))

    origins = [(name, source) for source in sources for name in deployable(output["sources"][source]["ast"])]
    contracts = generate([*origins, *external.items()], sources, list(external.values()))
    artifacts: dict[str, Json] = {}
    faults = []
    for name, source in sorted([*origins, *external.items()]):
        if name in artifacts:
            faults.append(
                f"{name} is in both {artifacts[name]['sourceName']} and {source}: names must differ."
            )
            continue
        artifacts[name] = artifact(source, name, contracts[source][name])
        for key, limit in (("deployedBytecode", SIZE_LIMIT), ("bytecode", INIT_SIZE_LIMIT)):
            if (size := code_size(artifacts[name][key])) > limit:
                faults.append(f"{name}: {key} is {size} bytes, {size - limit} over the limit of {limit}.")
    faults += merge_abis(artifacts)
    if faults:
        raise CompileError("\n".join(faults))
    return artifacts, sorted(output["sources"])


def generate(wanted: list[tuple[str, str]], sources: dict[str, Path], external: list[str]) -> Json:
    """The code of contracts, by source unit and name. The compiler has one thread, so it runs once a core.

    What it makes of a contract depends on the sources of the request, not on which other contracts are asked for.
    """
    jobs: list[tuple[dict[str, Path], list[str], int, dict[str, str]]] = [
        ({source: sources[source]}, [], FEWER_RUNS[name], {name: source})
        for name, source in wanted
        if name in FEWER_RUNS
    ]
    rest = sorted((item for item in wanted if item[0] not in FEWER_RUNS), key=weight, reverse=True)
    groups: list[list[tuple[str, str]]] = [[] for _ in range(min(2 * (os.cpu_count() or 1), len(rest)))]
    for item in rest:
        min(groups, key=lambda group: sum(map(weight, group))).append(item)
    jobs += [(sources, external, OPTIMIZER_RUNS, dict(group)) for group in groups]
    contracts: Json = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for output in pool.map(lambda job: run_solc(*job), jobs):
            if found := problems(output):
                raise CompileError("\n\n".join(found))
            for source, made in output["contracts"].items():
                contracts.setdefault(source, {}).update(made)
    return contracts


def weight(item: tuple[str, str]) -> int:
    """About how long a contract takes to compile: by the size of its last artefact."""
    path = ARTIFACTS / f"{item[0]}.json"
    return path.stat().st_size if path.exists() else 100_000


def write_only(names: list[str]) -> None:
    """Compiles some contracts and writes their artefacts; a contract and its extension go together."""
    for main, extensions in EXTENSIONS.items():
        if {main, *extensions} & {*names}:
            names = [*names, main, *extensions]
    names = sorted({*names})
    paths = {path.stem: path for path in CONTRACTS.rglob("*.sol") if ".cache" not in path.parts}
    sources = {name: paths[name].relative_to(ROOT).as_posix() for name in names}
    contracts = generate(list(sources.items()), {source: ROOT / source for source in sources.values()}, [])
    artifacts = {name: artifact(source, name, contracts[source][name]) for name, source in sources.items()}
    faults = merge_abis(artifacts)
    for name, entry in artifacts.items():
        (ARTIFACTS / f"{name}.json").write_text(
            json.dumps(entry, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8"
        )
        size = code_size(entry["deployedBytecode"])
        print(f"{name:<28}{size:>7} of {SIZE_LIMIT} bytes" + (" TOO LARGE" if size > SIZE_LIMIT else ""))
    if faults:
        raise CompileError("\n".join(faults))


def merge_abis(artifacts: dict[str, Json]) -> list[str]:
    """Gives each contract of EXTENSIONS the ABIs of its extensions, and says where they contradict each other."""
    return [
        line
        for main, extensions in EXTENSIONS.items()
        for extension in extensions
        if main in artifacts and extension in artifacts
        for line in merge_abi(artifacts[main], artifacts[extension])
    ]


def merge_abi(main: Json, extension: Json) -> list[str]:
    """Adds to a contract's ABI what its extension answers, and says where the two contradict each other.

    A function that both have, inherited from a shared base, is answered by the main contract; two of one signature
    with other inputs or outputs would hide the extension's.
    """

    def key(entry: Json) -> tuple[str, ...]:
        return (entry["type"], entry.get("name", ""), *(part["type"] for part in entry.get("inputs", [])))

    own = {key(entry): entry for entry in main["abi"]}
    faults = []
    for entry in extension["abi"]:
        if entry["type"] == "constructor":
            continue
        same = own.get(key(entry))
        if same is None:
            main["abi"].append(entry)
        elif same != entry:
            faults.append(f"{entry['name']} of {main['contractName']} and of its extension differ.")
    selectors: dict[str, str] = {}
    for entry in main["abi"]:
        if entry["type"] == "function":
            signature = f"{entry['name']}({','.join(canonical(part) for part in entry['inputs'])})"
            other = selectors.setdefault(sha3.keccak_256(signature.encode()).hexdigest()[:8], signature)
            if other != signature:
                faults.append(f"{signature} and {other} of {main['contractName']} have one selector.")
    return faults


def canonical(parameter: Json) -> str:
    """A parameter's type as the selector hashes it: structs as tuples of their members."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    members = ",".join(canonical(part) for part in parameter["components"])
    return f"({members}){kind.removeprefix('tuple')}"


def code_size(code: str) -> int:
    return len(code) // 2 - 1


def compiler_version() -> str:
    answer = subprocess.run([str(SOLC), "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+\.\d+\.\d+\+commit\.[0-9a-f]+", answer)
    if match is None:
        raise CompileError(f"tools/solc gave no version: {answer!r}")
    return match[0]


def manifest(artifacts: dict[str, Json], sources: list[str]) -> Json:
    def digest(name: str) -> str:
        path = MODULES / name if name.startswith("@") else ROOT / name
        return hashlib.sha256(path.read_bytes()).hexdigest()

    openzeppelin = json.loads((MODULES / "@openzeppelin" / "contracts" / "package.json").read_text("utf-8"))
    return {
        "compiler": compiler_version(),
        "settings": settings(),
        "fewerRuns": FEWER_RUNS,
        "packages": {openzeppelin["name"]: openzeppelin["version"]},
        "contracts": {name: entry["codeHash"] for name, entry in artifacts.items()},
        "sources": {name: digest(name) for name in sources},
    }


def render(artifacts: dict[str, Json], sources: list[str]) -> dict[str, str]:
    """File names and contents of the artefact folder."""
    documents = {f"{name}.json": entry for name, entry in artifacts.items()}
    documents["manifest.json"] = manifest(artifacts, sources)
    return {
        name: json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        for name, document in sorted(documents.items())
    }


def differences(expected: dict[str, str], folder: Path) -> list[str]:
    """One line for each file that the folder lacks, has too many, or has with other content."""
    present = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.json"))}
    lines = [f"{name}: missing" for name in sorted(expected.keys() - present.keys())]
    lines += [f"{name}: no source makes it" for name in sorted(present.keys() - expected.keys())]
    for name in sorted(expected.keys() & present.keys()):
        if expected[name] == present[name]:
            continue
        try:
            old, new = json.loads(present[name]), json.loads(expected[name])
            keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        except (json.JSONDecodeError, AttributeError):
            keys = []
        if name == "manifest.json" and "sources" in keys:
            was, now = old.get("sources", {}), new["sources"]
            keys += sorted(source for source in was.keys() | now.keys() if was.get(source) != now.get(source))
        lines.append(f"{name}: differs in {', '.join(keys) or 'its text'}")
    return lines


def write(expected: dict[str, str], folder: Path) -> list[str]:
    """Make the folder hold exactly these files; the lines say what changed."""
    changed = differences(expected, folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in expected:
            path.unlink()
    for name, text in expected.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts into the package's artefacts.")
    parser.add_argument("paths", nargs="*", type=Path, help="compile only these, write nothing")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when the artefacts differ")
    parser.add_argument("--only", help="compile these contracts, write their artefacts but no manifest")
    arguments = parser.parse_args()
    try:
        if arguments.only:
            write_only(arguments.only.split(","))
            return 0
        sources = find_sources(arguments.paths or [CONTRACTS])
        external = {} if arguments.paths else EXTERNAL
        artifacts, names = compile_contracts(sources, external)
        for name, entry in artifacts.items():
            print(f"{name:<28}{code_size(entry['deployedBytecode']):>7} of {SIZE_LIMIT} bytes")
        if arguments.paths:
            return 0
        expected = render(artifacts, names)
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.check:
        changed = differences(expected, ARTIFACTS)
        for line in changed:
            print(line, file=sys.stderr)
        if changed:
            print(
                "The artefacts do not match the contracts: run `make compile` and commit the result.",
                file=sys.stderr,
            )
        return 1 if changed else 0
    changed = write(expected, ARTIFACTS)
    print("\n".join(changed) if changed else "The artefacts were up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
