"""All that is wrong with the input, grouped, and written in the input's form to be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from campaigns.source.cells import Problem
from campaigns.source.csv_file import CsvOut, write_csv
from campaigns.source.table import OUTCOME_PREFIX, Form

_SHOWN = 3
PROBLEM_COLUMN = f"{OUTCOME_PREFIX}problem"


@dataclass
class ProblemBook:
    """Keeps counts and a few examples, however many problems there are."""

    counts: Counter[str] = field(default_factory=Counter)
    """Rows by the kind of their problem."""
    examples: dict[str, list[Problem]] = field(default_factory=dict)

    def note(self, problem: Problem) -> None:
        """One more."""
        self.counts[problem.kind] += 1
        shown = self.examples.setdefault(problem.kind, [])
        if len(shown) < _SHOWN:
            shown.append(problem)

    def lines(self) -> Iterator[str]:
        """For people, the most frequent kind first."""
        for kind, count in self.counts.most_common():
            rows = f"{count:,} row{'' if count == 1 else 's'}"
            where = "; ".join(_place(each) for each in self.examples[kind])
            yield f"{rows}: {kind} ({where}{'; …' if count > _SHOWN else ''})"


class ProblemFile:
    """A CSV of the faulty rows with one more column; it can be planned again once mended."""

    def __init__(self, file: IO[str], form: Form) -> None:
        self._columns = form.columns or ("id",)
        self._out: CsvOut = write_csv(file, form, [*self._columns, PROBLEM_COLUMN])

    def write(self, cells: tuple[str, ...], says: str) -> None:
        """One faulty row."""
        width = len(self._columns)
        padded = [*cells[:width], *[""] * (width - len(cells))]
        self._out.write([*padded, says])


def open_problem_file(path: Path, form: Form) -> IO[str]:
    """In the input's encoding."""
    encoding = form.encoding if form.kind == "csv" else "utf-8"
    return path.open("w", encoding=encoding, errors="replace", newline="")


def _place(problem: Problem) -> str:
    place = f"line {problem.line}" if problem.line else "product"
    return f"{place}: {problem.value!r}" if problem.value else place
