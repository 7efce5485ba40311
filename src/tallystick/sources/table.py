"""Comma-separated tables, record by record, with the line on which each one starts.

What counts as a line and as a record:
- the first record that is not blank is the header; blank lines are no records, but count as lines;
- a line ends with LF, CR LF or CR; a quoted field may span several, and its record then has the number of the
  first;
- a quote that is never closed costs its own line only;
- a byte order mark is skipped; bytes that are no UTF-8 do no harm outside the columns that are read.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tallystick.protocol.errors import TallystickError


class TraceError(TallystickError):
    """A file as a whole (rows or nodes of a trace) cannot be read as asked. Nothing was yielded; a command ends
    with `exit_code`.

    Codes: `trace_not_found`, `trace_unreadable`, `trace_empty`, `unknown_format`, `missing_column`,
    `duplicate_column`, `missing_units_column` (csv without `units_column`), `unexpected_option` (a csv option
    with another format), `bad_units_scale`, `bad_limit`; of a nodes file `bad_node`.
    """

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line where it starts, from 1; `fields` is None when it is not CSV."""

    line: int
    fields: list[str] | None


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


def records(stream: TextIO) -> Iterator[Record]:
    """Every record that is not blank, in order."""
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
            yield Record(line, None)
            continue
        if len(lines.record) == 1 and not lines.record[0].strip():
            continue
        yield Record(line, fields)


def open_table(path: Path, what: str = "trace") -> tuple[TextIO, Iterator[Record], list[str]]:
    """Opens a table: the stream, which the caller closes, its records after the header, and the header.

    `what` the file is, for the sentences. Raises TraceError: `trace_not_found`, `trace_unreadable`, `trace_empty`.
    """
    try:
        stream = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except FileNotFoundError:
        raise TraceError("trace_not_found", f"There is no {what} {path}.") from None
    except OSError as problem:
        raise _unreadable(path, what, problem) from None
    try:
        rest = records(stream)
        header = next(rest, None)
        if header is None or header.fields is None:
            raise TraceError("trace_empty", f"The {what} {path} has no header line.")
    except OSError as problem:
        stream.close()
        raise _unreadable(path, what, problem) from None
    except BaseException:
        stream.close()
        raise
    return stream, rest, header.fields


def _unreadable(path: Path, what: str, problem: OSError) -> TraceError:
    return TraceError("trace_unreadable", f"The {what} {path} cannot be read: {problem.strerror}.")


def column(header: Sequence[str], name: str, what: str = "trace") -> int:
    """Where the column is: by its exact name, else by its name without blanks around it. `what` the file is.

    Raises TraceError: `missing_column`, `duplicate_column`.
    """
    places = [place for place, title in enumerate(header) if title == name]
    places = places or [place for place, title in enumerate(header) if title.strip() == name.strip()]
    if not places:
        found = ", ".join(title.strip() for title in header)
        raise TraceError(
            "missing_column", f"The {what} has no column {name!r}; it has: {ascii(found)[1:-1]}."
        )
    if len(places) > 1:
        raise TraceError("duplicate_column", f"The {what} has {len(places)} columns {name!r}; which one?")
    return places[0]
