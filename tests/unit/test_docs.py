"""The documents say what the code says: every code that a user can meet is explained, and no test is invented.

Codes of Python are collected from the sources by their syntax trees: every text that lands in a parameter called
`code` (of an error, an outcome, an answer), or in `reason` where a rejected row, a waiting batch or a dead letter is
made. Codes that are computed (a custom error's name, an enum member's) are collected where they are declared.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from pathlib import Path

import pytest

from tallystick.chain.contracts import artifact_names, load
from tallystick.protocol import amounts, eip712, figures
from tallystick.protocol.accounting import invariants
from tallystick.protocol.enums import (
    ClaimSkip,
    CloseReason,
    CredentialFault,
    OpenRefusal,
    ReceiptFault,
    RefundFault,
    SkipReason,
)
from tallystick.protocol.hashing import keccak256
from tallystick.web.errors import STATUS_OF

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCES = ROOT / "src" / "tallystick"
DOCUMENTS = (
    "arbiters.md",
    "architecture.md",
    "bifurcation.md",
    "bisection.md",
    "challenges.md",
    "comparison.md",
    "disputes.md",
    "economics.md",
    "dividends.md",
    "errors.md",
    "events.md",
    "governance.md",
    "insurance.md",
    "operations.md",
    "payments.md",
    "pricing.md",
    "protocol.md",
    "security.md",
)
MOCKS_THAT_USERS_MEET = {"TestDollar", "TestTally"}

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_REASONS_OF = {"Rejected", "Rejection", "UnitsError", "_tell", "_wait", "set_aside"}


# What there is


@dataclass
class Module:
    """One source file: its tree, what it defines, and from where it imports names."""

    tree: ast.Module
    signatures: dict[str, list[str]] = field(default_factory=dict)
    defaults: dict[str, dict[str, ast.expr]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    positional = [*function.args.posonlyargs, *function.args.args]
    given = function.args.defaults
    pairs = zip(positional[len(positional) - len(given) :], given, strict=True)
    return {one.arg: default for one, default in pairs}


def _read_module(path: Path) -> Module:
    name = ".".join(["tallystick", *path.relative_to(SOURCES).with_suffix("").parts]).removesuffix(
        ".__init__"
    )
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    module = Module(ast.parse(path.read_text("utf-8")))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            module.signatures.setdefault(node.name, _parameters(node))
            module.defaults.setdefault(node.name, _defaults(node))
        elif isinstance(node, ast.ClassDef):
            module.bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
            fields = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            if made or fields:
                module.signatures[node.name] = _parameters(made[0]) if made else fields
        elif isinstance(node, ast.ImportFrom):
            origin = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*origin, node.module or ""]).strip(".")
            module.imports |= {one.asname or one.name: (source, one.name) for one in node.names}
    for statement in module.tree.body:
        target = (
            statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        )
        value = getattr(statement, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            module.constants[target.id] = value.value
    return module


@cache
def _modules() -> Mapping[str, Module]:
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        parts = ["tallystick", *path.relative_to(SOURCES).with_suffix("").parts]
        found[".".join(parts).removesuffix(".__init__")] = _read_module(path)
    return found


def _signature(module: str, name: str) -> list[str] | None:
    """Names of the positional parameters of a function or class as `module` sees it; None when it is not ours."""
    seen = _modules().get(module)
    if seen is None:
        return None
    if name in seen.signatures:
        return seen.signatures[name]
    for base in seen.bases.get(name, []):
        inherited = _signature(module, base)
        if inherited is not None:
            return inherited
    return _signature(*seen.imports[name]) if name in seen.imports else None


def _texts(module: Module, value: ast.expr) -> Iterator[str]:
    """What an expression may be, as far as it is written down: a text, a constant, or either side of an `if`."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _texts(module, value.body)
        yield from _texts(module, value.orelse)
    elif isinstance(value, ast.Name) and value.id in module.constants:
        yield module.constants[value.id]
    elif isinstance(value, ast.Name) and value.id in module.imports:
        origin, name = module.imports[value.id]
        if origin in _modules() and name in _modules()[origin].constants:
            yield _modules()[origin].constants[name]


def _calls(tree: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name of what is called; `super().__init__(…)` counts as a call of each base."""
    for node in ast.iter_child_nodes(tree):
        bases = inside
        if isinstance(node, ast.ClassDef):
            bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
                for base in bases:
                    yield base, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node
        yield from _calls(node, bases)


def _codes_of_calls(name: str, module: Module) -> Iterator[str]:
    for called, call in _calls(module.tree):
        parameters = _signature(name, called) or []
        wanted = {"code", "reason"} if called in _REASONS_OF else {"code"}
        given = {one.arg: one.value for one in call.keywords if one.arg}
        given |= dict(zip(parameters, call.args, strict=False))
        for parameter in wanted & given.keys() & set(parameters):
            yield from _texts(module, given[parameter])


def _codes_of_assignments(module: Module) -> Iterator[str]:
    """Defaults of parameters called `code`, and texts in `code = …`."""
    for defaults in module.defaults.values():
        if isinstance(default := defaults.get("code"), ast.Constant) and isinstance(default.value, str):
            yield default.value
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "code" for t in node.targets
        ):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


@cache
def python_codes() -> Mapping[str, tuple[str, ...]]:
    """Every stable code in the sources, with the modules that use it."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, module in _modules().items():
        for code in (*_codes_of_calls(name, module), *_codes_of_assignments(module)):
            if _CODE.fullmatch(code):
                found[code].add(name)
    for code in STATUS_OF:
        found[code].add("tallystick.web.errors")
    return {code: tuple(sorted(where)) for code, where in sorted(found.items())}


def contract_errors() -> Mapping[str, tuple[str, ...]]:
    """Every custom error that a contract of ours can revert with, OpenZeppelin's included, and which contracts."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in artifact_names():
        contract = load(name)
        if "/mocks/" not in contract.source or name in MOCKS_THAT_USERS_MEET:
            for error in contract.errors:
                found[error].add(name)
    return {error: tuple(sorted(where)) for error, where in sorted(found.items())}


# What the documents say


def _read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@cache
def _explained() -> Mapping[str, tuple[str, ...]]:
    """Codes in the first columns of the tables of docs/errors.md, by section."""
    found: dict[str, tuple[str, ...]] = {}
    for section in re.split(r"^#+ ", _read("errors.md"), flags=re.MULTILINE):
        if re.search(r"^\| (code|reason) \|", section, re.MULTILINE):
            rows = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
            found[section.splitlines()[0]] = tuple(rows)
    return found


def _check(codes: Mapping[str, tuple[str, ...]]) -> None:
    explained = {code for rows in _explained().values() for code in rows}
    lines = [f"  {code} (used in {', '.join(codes[code])})" for code in codes if code not in explained]
    if lines:
        advice = "docs/errors.md does not explain these; add a row `| `code` | means | mend |` for each:"
        pytest.fail("\n".join([advice, *lines]), pytrace=False)


def test_errors__every_custom_error_of_the_contracts__is_explained() -> None:
    assert len(contract_errors()) > 60
    _check(contract_errors())


REASONS: tuple[type[IntEnum], ...] = (
    OpenRefusal, SkipReason, CloseReason, RefundFault, ReceiptFault, CredentialFault, ClaimSkip
)  # fmt: skip


@pytest.mark.parametrize("reasons", REASONS)
def test_errors__every_reason_of_the_contracts__is_explained(reasons: type[IntEnum]) -> None:
    section = next(
        (rows for title, rows in _explained().items() if title.startswith(reasons.__name__ + ":")), ()
    )
    assert set(section) == {reason.name for reason in reasons if reason.name != "NONE"}


def test_errors__every_code_of_the_python_package__is_explained() -> None:
    codes = python_codes()
    assert {"malformed_json", "bad_amount", "not_owner", "wrong_chain", "units_below_one"} <= codes.keys()
    _check(codes)


def test_errors__first_column__holds_only_codes_that_exist() -> None:
    reasons = {name for one in REASONS for name in one.__members__}
    known = {*python_codes(), *contract_errors(), *reasons}
    for section, rows in _explained().items():
        stale = sorted({*rows} - known)
        assert not stale, f"docs/errors.md, {section}: the code does not have {', '.join(stale)}"


def test_errors__each_section__explains_a_code_once() -> None:
    for section, rows in _explained().items():
        twice = sorted({row for row in rows if rows.count(row) > 1})
        assert not twice, f"docs/errors.md, {section}: more than one row for {', '.join(twice)}"


def test_protocol__type_strings__are_those_that_are_signed() -> None:
    text = re.sub(r"\s+", "", _read("protocol.md"))
    for declared in (
        eip712.TERMS_TYPE,
        eip712.TOP_UP_TYPE,
        eip712.EARLY_REFUND_TYPE,
        eip712.REPLACEMENT_TYPE,
        eip712.RECEIPT_TYPE,
        eip712.VERDICT_TYPE,
        eip712.ACCEPTANCE_TYPE,
        eip712.BATCH_TYPE,
        eip712.CREDENTIAL_TYPE,
        eip712.REVOCATION_TYPE,
    ):
        assert re.sub(r"\s+", "", declared) in text, f"docs/protocol.md does not have the type {declared}"
        row = f"|{declared.partition('(')[0]}|`0x{keccak256(declared.encode()).hex()}`|"
        assert row in text, f"docs/protocol.md does not have the type hash {row}"


def _spaced(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def _check_figures(document: str, worked: list[int]) -> None:
    text = _read(document)
    for value in worked:
        assert _spaced(value) in text, f"docs/{document} does not have the figure {value}"


def test_payments__worked_numbers__are_those_of_the_arithmetic() -> None:
    """Each number of the tables `by hand`, computed anew."""
    text = _read("payments.md")
    budget, paid = 1_000_999, 333_333
    number = eip712.agreement_number(7, bytes.fromhex("1c2d3e4f") + bytes(28))
    worked = [
        amounts.price_of(1_203_441, 600_000),
        amounts.locked_for(budget, 250),
        amounts.ceil_bps(budget, 1_000),
        amounts.fee(paid, 500),
        amounts.net_of(0, paid, 500),
        amounts.fee(paid, 250),
        amounts.refund_of(budget, paid, 250),
        amounts.fee(100_000_000, 500),
        number,
    ]
    _check_figures("payments.md", worked)
    for total in (19, 38, 57, 380):
        row = f"| {total} | {total} | {amounts.fee(total, 500)} | 19 |"
        assert row in text, f"docs/payments.md does not have the row {row}"
    figure = figures.encode_figure(number, 1_203_441).hex()
    assert f"`{figure[:16]}` `{figure[16:]}`" in text
    assert hex(eip712.batch_number(3, 7, 5)) in text

    # A countersigned lease of 100 µ a second: 1 000 seconds less 100, 500 and 100 bps.
    gross = amounts.lease_gross(1_000 - 100, 100_000_000, 10_000_000)
    fee, net, extra = amounts.fee(gross, 500), amounts.net_of(0, gross, 500), amounts.fee(gross, 100)
    sentence = (
        f"Gross {_spaced(gross)}, provider's fee {_spaced(fee)}, net {_spaced(net)}, customer's fee {extra}: "
        f"{_spaced(gross + extra)} µ"
    )
    assert sentence in " ".join(text.split())

    # A release of 400 µ, and who gets its fees when it is final.
    extra = amounts.fee(400, 100)
    sentence = (
        f"reserved {400 + extra}, the payee receives {amounts.net_of(0, 400, 500)} at once, and `rewardBase` "
        f"gets {amounts.fee(400, 500) + extra} at the end"
    )
    assert sentence in " ".join(text.split())


def test_protocol__worked_numbers__are_those_of_the_arithmetic() -> None:
    number = eip712.agreement_number(7, bytes.fromhex("1c2d3e4f") + bytes(28))
    lease = amounts.lease_gross(1_000, 100_000_000, 10_000_000)
    worked = [
        *amounts.split_fees(5_000_000, 2_000, 1_000),
        *amounts.split_by_weights(3_500_000, [300, 100]),
        *amounts.split_by_weights(1_750_000, [300, 100]),
        number,
        lease,
        amounts.fee(lease, 2_000),
        amounts.net_of(0, lease, 2_000),
        amounts.funded_until(0, 8_640_000, 100_000_000),
        300_000 - 3 * 86_400,
        amounts.price_of(amounts.payable_seconds(300_000 - 3 * 86_400, 10**6, 0, 800), 100_000_000),
        *amounts.split_by_weights(500_500, [700, 300]),
    ]
    _check_figures("protocol.md", worked)
    text = " ".join(_read("protocol.md").split())

    # A lease that runs out of money: 3 µ a second, 250 001 µ.
    seconds = amounts.funded_until(0, 250_001, 3_000_000)
    gross = amounts.lease_gross(seconds, 3_000_000, 250_001)
    assert f"ends at start + {_spaced(seconds)}; gross | {_spaced(gross)} |" in text
    assert f"refunded by its refund | {amounts.refund_of(250_001, gross, 0)} |" in text

    # A split of 2 : 1 that receives 100 µ, then 1 µ more.
    first, then = (amounts.split_by_weights(total, [2, 1]) for total in (100, 101))
    assert f"100 µ by 2 : 1 are {first[0]} and {first[1]}, and {100 - sum(first)} µ of dust stays" in text
    assert f"101 µ, the dues are {then[0]} and {then[1]}" in text

    # Pledge and locked money of a budget that rises: differences of what is rounded, not roundings of differences.
    pledge, locked = amounts.ceil_bps(1_001, 1_000), amounts.locked_for(1_001, 250)
    assert f"| 1 001 | {pledge} | {_spaced(locked)} | | |" in text
    for budget in (1_009, 1_011):
        higher, more = amounts.ceil_bps(budget, 1_000), amounts.locked_for(budget, 250)
        row = f"| {_spaced(budget)} | {higher} | {_spaced(more)} | {higher - pledge} | {more - locked} |"
        assert row in text, f"docs/protocol.md does not have the row {row}"
        pledge, locked = higher, more

    # How long 1 000 000 µ and the rest of a lease last, 50 000 seconds in.
    used = amounts.price_of(50_000, 100_000_000)
    rest = 8_640_000 - used
    fees = amounts.fee(8_640_000, 250) - amounts.fee(used, 250)
    left = amounts.burn_until(0, 1_000_000 + rest + fees, [(100_000_000, 250)])
    assert f"(1 000 000 + {_spaced(rest)} + {_spaced(fees)}) / 102.5, so {_spaced(left)} seconds" in text


def test_protocol__invariants__are_all_named() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", _read("protocol.md").partition("## 13.")[2], re.MULTILINE)
    assert rows == [check.__name__ for check in invariants.ALL]


EVENTS_OF = (
    "Escrow",
    "ReceiptLedger",
    "Staking",
    "PolicyBook",
    "Credentials",
    "SessionKeys",
    "FeeSplitter",
    "InsurancePool",
    "Court",
    "JackpotPool",
    "DividendVault",
    "SupplierRewards",
    "Council",
    "Jury",
    "BisectionReferee",
)


@pytest.mark.parametrize("name", EVENTS_OF)
def test_events__of_each_contract__are_all_named_in_its_section_and_no_others(name: str) -> None:
    section = _read("events.md").partition(f"### {name}\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    named = [event for row in rows for event in re.findall(r"`(\w+)`", row)]
    housekeeping = {"AuthorityUpdated", "EIP712DomainChanged"}
    assert sorted(named) == sorted(load(name).events.keys() - housekeeping)


def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents__tests_that_they_name__exist(document: str) -> None:
    """A test is named as `tests/…/file.py::function`, or as `::another` of the file named before."""
    at: Path | None = None
    for file, function in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", _read(document)):
        at = ROOT / file if file else at
        if not file and not function:
            continue
        assert at is not None, f"{document} names the test {function} without its file"
        assert at.is_file(), f"{document} names {file}, which does not exist"
        assert not function or function in _tests_in(at), f"{document}: {at.name} has no test {function}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents__links_to_files__lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", _read(document)):
        assert (DOCS / target).exists(), f"{document} links to {target}, which does not exist"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents__prose__fits_120_columns(document: str) -> None:
    """Tables and code blocks may be wider: they cannot be folded."""
    fenced = False
    for number, line in enumerate(_read(document).splitlines(), 1):
        fenced ^= line.startswith("```")
        assert fenced or line.startswith("|") or len(line) <= 120, (
            f"{document}, line {number}, has {len(line)} columns"
        )
