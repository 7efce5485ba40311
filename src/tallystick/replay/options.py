"""What a replay is asked to do, and the checks that run before anything starts."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tallystick.replay.errors import UsageProblem
from tallystick.reports.files import make_folder

__all__ = ["FORMATS", "MODES", "ReplayOptions", "html_path_of"]

FORMATS = ("azure-llm", "openb", "csv")
MODES = ("metered", "lease")
MAX_FEE_BPS = 2_000
MAX_UNIT_PRICE = 2**56 - 1
#: One agreement costs about 1 KB and two signatures here, and 72 000 gas on the chain.
MAX_AGREEMENTS = 100_000
#: MAX_LIABILITY less the default response window and dispute time: no policy may have a longer window
#: (seconds).
MAX_WINDOW = 1_209_600 - 21_600 - 691_200
DEFAULT_WINDOW_OWN_CHAIN = 86_400
DEFAULT_WINDOW_LIVE_CHAIN = 30
MIN_FREE_BYTES = 64 * 1024 * 1024
#: What one row leaves in the relayer's database and the node's history, generously (bytes).
BYTES_PER_TRACE_BYTE = 60


def html_path_of(report: Path) -> Path:
    """Where the HTML goes: beside the JSON, same name with .html."""
    return (
        report.with_suffix(".html") if report.suffix == ".json" else report.with_name(report.name + ".html")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """One replay.

    `unit_price` is µ per 1e6 units, `fee_bps` the provider's fee in basis points, `window` the challenge
    window in seconds (None: a day on a chain of our own, 30 s on somebody's), `limit` a number of data rows
    (None:
    all). With the mode `lease` the jobs are leases of the machines that the file `nodes` lists, and
    `budget_seconds` is for how long a lease has money at most (None: for all of its job); `providers` does not
    count then. `rpc` is the node to play on (None: an Anvil of its own), `more_rpc` further endpoints of the same
    chain for its relayer.
    """

    trace: Path
    format: str
    report: Path
    unit_price: int
    fee_bps: int
    customers: int = 10
    providers: int = 4
    units_column: str | None = None
    units_scale: str | None = None
    limit: int | None = None
    mode: str = "metered"
    nodes: Path | None = None
    budget_seconds: int | None = None
    rpc: str | None = None
    more_rpc: tuple[str, ...] = ()
    window: int | None = None
    chaos_kills: int = 0
    chaos_seed: int = 0

    @property
    def html(self) -> Path:
        """Where the HTML report goes."""
        return html_path_of(self.report)

    @property
    def agreements(self) -> int:
        """How many agreements are opened."""
        return self.customers * self.providers

    @property
    def challenge_window(self) -> int:
        """Seconds between posting and settling, the default filled in."""
        if self.window is not None:
            return self.window
        return DEFAULT_WINDOW_OWN_CHAIN if self.rpc is None else DEFAULT_WINDOW_LIVE_CHAIN

    def check_numbers(self) -> None:
        """Checks everything that needs no look at the machine.

        Raises:
            UsageProblem: with one sentence about the first thing that is wrong.
        """
        if self.format not in FORMATS:
            raise UsageProblem(f"Unknown format {self.format!r}: --format is one of {', '.join(FORMATS)}.")
        self._check_mode()
        for flag, number in (("--customers", self.customers), ("--providers", self.providers)):
            if number < 1:
                raise UsageProblem(f"{flag} must be at least 1, not {number}.")
        if self.mode == "metered" and self.agreements > MAX_AGREEMENTS:
            raise UsageProblem(
                f"{self.customers} customers x {self.providers} providers are {self.agreements} agreements;"
                f" a replay opens at most {MAX_AGREEMENTS}."
            )
        if not 1 <= self.unit_price <= MAX_UNIT_PRICE:
            raise UsageProblem(
                f"--unit-price is µ per 1e6 units, from 1 to {MAX_UNIT_PRICE}, not {self.unit_price}."
            )
        if not 0 <= self.fee_bps <= MAX_FEE_BPS:
            raise UsageProblem(
                f"--fee-bps is in basis points, from 0 to {MAX_FEE_BPS} on the provider's side,"
                f" not {self.fee_bps}."
            )
        if self.limit is not None and self.limit < 0:
            raise UsageProblem(f"--limit counts data rows and cannot be {self.limit}.")
        if not 1 <= self.challenge_window <= MAX_WINDOW:
            raise UsageProblem(
                f"--window is from 1 to {MAX_WINDOW} seconds; it cannot be {self.challenge_window}."
            )
        if self.chaos_kills < 0:
            raise UsageProblem(f"--chaos-kills cannot be {self.chaos_kills}.")
        self._check_units()

    def _check_mode(self) -> None:
        if self.mode not in MODES:
            raise UsageProblem(f"Unknown mode {self.mode!r}: --mode is one of {', '.join(MODES)}.")
        if self.mode != "lease":
            if self.nodes is not None or self.budget_seconds is not None:
                raise UsageProblem(
                    "--nodes and --budget-seconds belong to --mode lease: add it, or leave them out."
                )
            return
        if self.format != "openb":
            raise UsageProblem(
                "--mode lease needs --format openb: only there a row says when its job began and ended and how many"
                " GPUs it had."
            )
        if self.nodes is None:
            raise UsageProblem(
                "--mode lease needs --nodes: the CSV file of the machines (sn, gpu), which are the providers."
            )
        if self.budget_seconds is not None and self.budget_seconds < 1:
            raise UsageProblem(f"--budget-seconds must be at least 1, not {self.budget_seconds}.")
        if self.customers > MAX_AGREEMENTS:
            raise UsageProblem(f"--customers is at most {MAX_AGREEMENTS}, not {self.customers}.")
        if self.rpc is not None:
            raise UsageProblem(
                "--mode lease moves the chain's clock through all days of the trace, so it plays on an Anvil of its"
                " own: leave --rpc out."
            )
        if self.chaos_kills:
            raise UsageProblem("--chaos-kills kills a relayer, and --mode lease starts none.")

    def _check_units(self) -> None:
        if self.format != "csv":
            if self.units_column is not None or self.units_scale is not None:
                raise UsageProblem(
                    f"--units-column and --units-scale belong to --format csv, not to {self.format}."
                )
            return
        if not self.units_column:
            raise UsageProblem(
                "--format csv needs --units-column: the name of the column that holds the units."
            )

    def check_files(self) -> None:
        """Checks that the trace can be read and the reports written; makes the report's folder.

        Raises:
            UsageProblem: with one sentence about the first thing that is wrong.
        """
        check_readable(self.trace)
        if self.nodes is not None:
            check_readable(self.nodes, "nodes file")
        if self.report.suffix == ".html":
            raise UsageProblem(
                f"--report names the JSON file; the HTML goes beside it, so {self.report} cannot be it."
            )
        if self.report.is_dir():
            raise UsageProblem(f"The report cannot be written: {self.report} is a folder.")
        for target in (self.report, self.html):
            if target.is_dir():
                raise UsageProblem(f"The report cannot be written: {target} is a folder.")
            for name, source in (("trace", self.trace), ("nodes file", self.nodes)):
                if source is not None and target.exists() and target.samefile(source):
                    raise UsageProblem(f"The report would overwrite the {name} {source}.")
        make_folder(self.report.parent)
        for target in (self.report, self.html):
            if target.exists() and not os.access(target, os.W_OK):
                raise UsageProblem(f"The report cannot be written: no permission for {target}.")

    def check_disk(self, work: Path) -> None:
        """Checks that the work folder's disk has room for the node's and the relayer's files.

        Raises:
            UsageProblem: when it has not.
        """
        wanted = MIN_FREE_BYTES + BYTES_PER_TRACE_BYTE * self.trace.stat().st_size
        free = shutil.disk_usage(work).free
        if free < wanted:
            raise UsageProblem(
                f"Not enough disk for a replay: {work} has {free // 2**20} MiB free, and this trace may need"
                f" {wanted // 2**20} MiB; make room or point TMPDIR at another disk."
            )


def check_readable(file: Path, name: str = "trace") -> None:
    """Checks that `file`, which is called `name`, is a file that can be read.

    Raises:
        UsageProblem: when it is not.
    """
    try:
        if not file.exists():
            raise UsageProblem(f"There is no {name} at {file}.")
        if not file.is_file():
            raise UsageProblem(f"The {name} must be a plain file (it may be read twice), and {file} is none.")
        with file.open("rb"):
            pass
    except OSError as problem:
        raise UsageProblem(f"The {name} {file} cannot be read: {problem.strerror or problem}.") from None
