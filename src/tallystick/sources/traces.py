"""Trace files: `azure-llm`, `openb` and any `csv` with a column of units. One row, one charge or one reason.

What counts as a line and as a row:
- the first record that is not blank is the header; blank lines are no rows, but count as lines;
- a line ends with LF, CR LF or CR; a quoted field may span several, and its row then has the number of the
  first;
- a row with more or fewer fields than the header, and one whose quotes make no sense, is rejected, not
  repaired; a quote that is never closed costs its own line only;
- a byte order mark is skipped; bytes that are no UTF-8 do no harm outside the columns that are read.

Reasons of rejected rows: `ragged_row`, `malformed_row`, `units_not_a_number`, `units_below_one` (after
rounding), `units_out_of_range` (above 2^63 - 1), and for openb `no_scheduled_time`, `no_gpu`,
`no_deletion_time`, `nothing_used`.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import islice
from pathlib import Path
from typing import TextIO

from tallystick.protocol.errors import TallystickError
from tallystick.sources.base import Rejected, Row
from tallystick.sources.decimals import UnitsError, add, multiply, parse_decimal, subtract, to_units

FORMATS = ("azure-llm", "openb", "csv")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Usage = tuple[int, int | None, int | None]
_Meter = Callable[[Sequence[str]], _Usage]


class TraceError(TallystickError):
    """The file as a whole cannot be read as asked. Nothing was yielded; a command ends with `exit_code`.

    Codes: `trace_not_found`, `trace_unreadable`, `trace_empty`, `unknown_format`, `missing_column`,
    `duplicate_column`, `missing_units_column` (csv without `units_column`), `unexpected_option` (a csv option
    with another format), `bad_units_scale`, `bad_limit`.
    """

    exit_code = 2


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace file as a `Source`: each iteration reads it again. Raises TraceError when iterated."""

    path: Path
    format: str
    units_column: str | None = None
    units_scale: Decimal | int | str | None = None
    limit: int | None = None

    def __iter__(self) -> Iterator[Row | Rejected]:
        return read_trace(self.path, self.format, self.units_column, self.units_scale, self.limit)


def read_trace(
    path: str | Path,
    format: str,
    units_column: str | None = None,
    units_scale: Decimal | int | str | None = None,
    limit: int | None = None,
) -> Iterator[Row | Rejected]:
    """Every data row of a trace in file order, usable or rejected with a reason; a bad row never ends it.

    Units: `azure-llm` ContextTokens + GeneratedTokens; `openb` milli-GPU-seconds, (deletion_time -
    scheduled_time) x num_gpu x gpu_milli; `csv` column x scale (default 1). All in exact decimal arithmetic
    on the text, rounded half to even once at the end. `limit` keeps the first so many data rows, rejected
    ones included.

    Raises TraceError before the first row when the file or the options cannot work.
    """
    scale = _check_options(format, units_column, units_scale, limit)
    try:
        stream = Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="")  # noqa: SIM115
    except FileNotFoundError:
        raise TraceError("trace_not_found", f"There is no trace file {path}.") from None
    except OSError as problem:
        raise TraceError(
            "trace_unreadable", f"The trace {path} cannot be read: {problem.strerror}."
        ) from None
    try:
        records = _records(stream)
        header = next(records, None)
        if header is None or header.fields is None:
            raise TraceError("trace_empty", f"The trace {path} has no header line.")
        meter = _meter(format, header.fields, units_column, scale)
    except OSError as problem:
        stream.close()
        raise TraceError(
            "trace_unreadable", f"The trace {path} cannot be read: {problem.strerror}."
        ) from None
    except BaseException:
        stream.close()
        raise
    return _rows(stream, islice(records, limit), len(header.fields), meter)


def _check_options(
    name: str, column: str | None, scale: Decimal | int | str | None, limit: int | None
) -> Decimal:
    if name not in FORMATS:
        raise TraceError("unknown_format", f"The format is one of {', '.join(FORMATS)}, not {name!r}.")
    if name == "csv" and not column:
        raise TraceError(
            "missing_units_column", "The format csv needs --units-column: which column has the units?"
        )
    if name != "csv" and (column is not None or scale is not None):
        raise TraceError(
            "unexpected_option", f"--units-column and --units-scale are for csv; {name} has its own."
        )
    if limit is not None and limit < 0:
        raise TraceError("bad_limit", f"The limit is a number of rows from 0, not {limit}.")
    try:
        factor = parse_decimal("1" if scale is None else str(scale))
    except UnitsError:
        factor = Decimal(0)
    if factor <= 0 or abs(factor.adjusted()) > 100:
        raise TraceError(
            "bad_units_scale", f"--units-scale is a decimal number above zero, not {str(scale)!r}."
        )
    return factor


def _rows(
    stream: TextIO, records: "Iterator[_Record]", width: int, meter: _Meter
) -> Iterator[Row | Rejected]:
    with stream:
        for index, record in enumerate(records):
            if record.fields is None:
                yield Rejected(index, record.line, "malformed_row")
                continue
            if len(record.fields) != width:
                yield Rejected(index, record.line, "ragged_row")
                continue
            try:
                units, began, ended = meter(record.fields)
            except UnitsError as problem:
                yield Rejected(index, record.line, problem.reason)
                continue
            yield Row(index, record.line, units, began, ended)


# -- records -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    fields: list[str] | None  # None: not CSV


class _Lines:
    """The lines of a stream for `csv.reader`, which keeps those of the current record to give them back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: list[str] = []
        self.record: list[str] = []
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._stream.readline()
        if not line:
            raise StopIteration
        self.read += 1
        self.record.append(line)
        return line

    def give_back_all_but_first(self) -> None:
        self._again.extend(reversed(self.record[1:]))
        self.read -= len(self.record) - 1
        del self.record[1:]


def _records(stream: TextIO) -> Iterator[_Record]:
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.record.clear()
        line = lines.read + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # Also the end of the file inside quotes: a stray quote must not swallow the rows after it.
            lines.give_back_all_but_first()
            yield _Record(line, None)
            continue
        if len(lines.record) == 1 and not lines.record[0].strip():
            continue
        yield _Record(line, fields)


# -- meters ------------------------------------------------------------------------------------------------


def _meter(name: str, header: Sequence[str], units_column: str | None, scale: Decimal) -> _Meter:
    if name == "azure-llm":
        return _azure(header)
    if name == "openb":
        return _openb(header)
    assert units_column is not None
    column = _column(header, units_column)
    return lambda fields: (to_units(multiply(parse_decimal(fields[column]), scale)), None, None)


def _azure(header: Sequence[str]) -> _Meter:
    context, generated = _column(header, "ContextTokens"), _column(header, "GeneratedTokens")
    at = _column(header, "TIMESTAMP") if "TIMESTAMP" in header else None

    def meter(fields: Sequence[str]) -> _Usage:
        units = to_units(add(parse_decimal(fields[context]), parse_decimal(fields[generated])))
        return units, None if at is None else _unix_seconds(fields[at]), None

    return meter


def _openb(header: Sequence[str]) -> _Meter:
    names = ("scheduled_time", "deletion_time", "num_gpu", "gpu_milli")
    scheduled, deleted, gpus, share = (_column(header, name) for name in names)

    def meter(fields: Sequence[str]) -> _Usage:
        if not fields[scheduled].strip():
            raise UnitsError("no_scheduled_time")
        if not fields[gpus].strip():
            raise UnitsError("no_gpu")
        power = multiply(parse_decimal(fields[gpus]), parse_decimal(fields[share].strip() or "0"))
        if power <= 0:
            raise UnitsError("no_gpu")
        if not fields[deleted].strip():
            raise UnitsError("no_deletion_time")
        began, ended = parse_decimal(fields[scheduled]), parse_decimal(fields[deleted])
        duration = subtract(ended, began)
        if duration <= 0:
            raise UnitsError("nothing_used")
        return to_units(multiply(duration, power)), _whole(began), _whole(ended)

    return meter


def _column(header: Sequence[str], name: str) -> int:
    """Where the column is: by its exact name, else by its name without blanks around it."""
    places = [place for place, title in enumerate(header) if title == name]
    places = places or [place for place, title in enumerate(header) if title.strip() == name.strip()]
    if not places:
        found = ", ".join(title.strip() for title in header)
        raise TraceError("missing_column", f"The trace has no column {name!r}; it has: {ascii(found)[1:-1]}.")
    if len(places) > 1:
        raise TraceError("duplicate_column", f"The trace has {len(places)} columns {name!r}; which one?")
    return places[0]


def _unix_seconds(text: str) -> int | None:
    """Seconds since 1970, rounded down; UTC unless the text names an offset; None when it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(seconds=1)


def _whole(value: Decimal) -> int | None:
    return int(value.to_integral_value(rounding=ROUND_FLOOR)) if value.adjusted() <= 19 else None
