"""Problems of the input, counted by kind, and a file of faulty rows to be fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.output.row_file import AddRow, open_rows
from campaigns.source.cells import Problem
from campaigns.source.table import OUTCOME_PREFIX, Form, place_of

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
        examples = self.examples.setdefault(problem.kind, [])
        if len(examples) < _SHOWN:
            examples.append(problem)

    def lines(self) -> Iterator[str]:
        """For people, the most frequent kind first."""
        for kind, count in self.counts.most_common():
            rows = f"{count:,} row{'' if count == 1 else 's'}"
            where = "; ".join(_place(problem) for problem in self.examples[kind])
            yield f"{rows}: {kind} ({where}{'; …' if count > _SHOWN else ''})"


class ProblemFile:
    """The faulty rows with one more column; once corrected, the file is itself a price list."""

    def __init__(self, add: AddRow, width: int) -> None:
        self._add = add
        self._width = width

    def write(self, cells: Sequence[str], says: str, texts: Collection[int] = ()) -> None:
        """One faulty row; see AddRow."""
        padded = [*cells[: self._width], *[""] * (self._width - len(cells))]
        self._add([*padded, says], texts)


@contextmanager
def open_problem_file(path: Path, form: Form) -> Iterator[ProblemFile]:
    """In the input's form. Raises OSError."""
    columns = form.columns or ("id",)
    with open_rows(path, form, [*columns, PROBLEM_COLUMN]) as add:
        yield ProblemFile(add, len(columns))


def _place(problem: Problem) -> str:
    place = place_of(problem.line, problem.sheet) if problem.line else "product"
    return f"{place}: {problem.value!r}" if problem.value else place
