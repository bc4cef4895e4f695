"""What a run has done, as files: rows in the input's form, a workbook, and one HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from campaigns.business_time import BusinessTime
from campaigns.output.row_file import open_rows, suffix_of
from campaigns.output.workbook import WorkbookWriter, new_workbook
from campaigns.pages import Column, PageTable, page
from campaigns.plan.figures import Figures
from campaigns.plan.plan_file import Header
from campaigns.plan.review import plots
from campaigns.plan.review_tables import largest_tables, samples_table
from campaigns.plan.summary import Summary
from campaigns.results.row_results import GROUPS, RowResult, header_of, row_results, summary_of
from campaigns.rows.ended_row import RowOutcome
from campaigns.rows.field_change import in_words
from campaigns.rows.planned_row import PlannedRow
from campaigns.source.amounts import undoubted
from campaigns.source.cells import CLEAR
from campaigns.source.columns import places_of
from campaigns.source.table import OUTCOME_PREFIX, Form
from campaigns.store import OperatorStore, RunView
from campaigns.store.audit_log import AuditEntry
from revio_jobs.contracts import CHANGE_NAMES

_MORE = tuple(f"{OUTCOME_PREFIX}{name}" for name in ("outcome", "error", "says", "at"))
_SHOWN_FAULTS = 200
_LARGEST = 20


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of the report's files: those of the input, and each changed field has one."""

    form: Form
    """The input's, with the columns of the files."""
    changed: tuple[str, ...]
    """The fields that any row changes, in the contract's order."""
    keeps_cells: bool
    """False: the input's values, and those that it expected, are not what the rows want (undo)."""

    @classmethod
    def of(cls, header: Header, changed: Iterable[str]) -> Layout:
        """`changed`: the fields that any row changes."""
        form, names = header.form, set(changed)
        columns = form.columns or ("id",)
        places = dict(form.fields) or places_of(columns)
        ordered = tuple(name for name in CHANGE_NAMES if name in names)
        more = [name for name in ordered if name not in places]
        places |= {name: place for place, name in enumerate(more, start=len(columns))}
        return cls(
            replace(form, columns=(*columns, *more), fields=places), ordered, header.kind != "undo"
        )

    def cells(self, row: PlannedRow) -> list[str]:
        """The row, so that planning it again means the same."""
        given = [*row.cells, *[""] * (len(self.form.columns) - len(row.cells))]
        for name, place in self.form.fields.items():
            if name == "id":
                given[place] = str(row.id)
            elif name in row.clear:
                given[place] = CLEAR
            elif name in row.after:
                given[place] = self._text(name, row.after[name])
            elif not self.keeps_cells:
                given[place] = ""
        return given

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if name != "rate":
            return str(value)
        text = undoubted(str(value))
        return text.replace(".", ",") if self.form.decimal_comma else text


def write_report(store: OperatorStore, view: RunView, directory: Path) -> Mapping[str, int]:
    """The files in `directory`, which is made; returns the rows by file."""
    spec = view.state.spec
    directory.mkdir(parents=True, exist_ok=True)
    layout = Layout.of(header_of(spec), summary_of(spec).fields)
    counts: Counter[str] = Counter()
    done, figures, faults = Summary(), Figures(), list[RowResult]()
    with ExitStack() as files:
        book = files.enter_context(new_workbook(directory / "report.xlsx"))
        adds = {name: _outputs(files, directory, book, name, layout) for name in GROUPS}
        add_fact = book.sheet("read as", ("what", "how"))
        for fact in header_of(spec).read_as.lines():
            add_fact(fact)
        for result in row_results(store, spec):
            counts[result.group] += 1
            adds[result.group](result)
            if result.outcome == RowOutcome.APPLIED:
                done.add(result.row)
                figures.add(result.row)
            elif result.group in {"failed", "drifted"} and len(faults) < _SHOWN_FAULTS:
                faults.append(result)
    text = _page(view, counts, (done, figures), faults, store.audit(spec.run))
    (directory / "report.html").write_text(text, encoding="utf-8")
    return counts


def _outputs(
    files: ExitStack, directory: Path, book: WorkbookWriter, name: str, layout: Layout
) -> Callable[[RowResult], None]:
    """Adds a row to the file in the input's form, and to the report's sheet of that name."""
    path = directory / f"{name}{suffix_of(layout.form)}"
    header = [*layout.form.columns, *_MORE]
    add_row = files.enter_context(open_rows(path, layout.form, header))
    sheet = book.sheet(name, _sheet_header(layout))

    def add(result: RowResult) -> None:
        ended = [result.outcome or "unprocessed", result.error, result.says, result.when]
        add_row([*layout.cells(result.row), *ended])
        sheet([*_sheet_row(layout, result.row), *ended])

    return add


def _sheet_header(layout: Layout) -> Sequence[str]:
    seen = ("line", "id", "customer_id", "product_id", "description", "quantity")
    changes = [f"{name}_{when}" for name in layout.changed for when in ("before", "after")]
    return (*seen, *changes, "outcome", "error", "says", "at")


def _sheet_row(layout: Layout, row: PlannedRow) -> list[object]:
    seen = [row.seen.get(name) for name in ("customer_id", "product_id", "description", "quantity")]
    changes = [
        _value(name, CLEAR if when is row.after and name in row.clear else when.get(name))
        for name in layout.changed
        for when in (row.before, row.after)
    ]
    return [row.line or None, row.id, *seen, *changes]


def _value(name: str, value: object) -> object:
    return Decimal(value) if name == "rate" and isinstance(value, str) and value != CLEAR else value


def not_final(view: RunView) -> str:
    """What a report of the run cannot tell yet; "" if the run has ended."""
    if view.has_ended:
        return ""
    return (
        f"run {view.state.spec.run} has not ended: it is {view.state.status}, and rows that are "
        "under way or still to be sent are among the unprocessed"
    )


def _page(
    view: RunView,
    counts: Mapping[str, int],
    applied: tuple[Summary, Figures],
    faults: Sequence[RowResult],
    audit: Sequence[AuditEntry],
) -> str:
    spec, unfinished = view.state.spec, not_final(view)
    header, planned, time = header_of(spec), summary_of(spec), BusinessTime(spec.zone)
    done, figures = applied
    facts = [
        ("plan", f"{header.name}, {spec.digest}"),
        ("made", f"{time.show_iso(header.created_at)} by {header.author}"),
        ("effective", header.effective),
        (
            "approved",
            f"{time.show_iso(spec.facts['approved_at'])} by {spec.facts['approved_by']}",
        ),
        ("approved because", spec.facts["approval"]),
        ("overrides", "; ".join(f"{k}: {v}" for k, v in header.overrides.items())),
        *((name, f"{counts.get(name, 0):,}") for name in GROUPS),
        ("revenue before", f"{planned.before:,.2f}"),
        ("revenue after, as planned", f"{planned.after:,.2f}"),
        ("moved by the rows that this run applied", f"{done.after - done.before:+,.2f}"),
    ]
    return page(
        "report.html.j2",
        title=f"Campaign {spec.run}",
        alarms=[unfinished] if unfinished else [],
        facts=facts,
        read_as=list(header.read_as.lines()),
        first=[_faults_table(faults), _decisions_table(audit, time)],
        plots=plots(done, figures),
        tables=[*largest_tables(figures, _LARGEST).values(), samples_table(figures)],
    )


def _faults_table(faults: Sequence[RowResult]) -> PageTable:
    numbers, texts = ("line", "product"), ("changes", "outcome", "error", "in words")
    columns = [Column(title, is_number=title in numbers) for title in (*numbers, *texts)]
    rows = [
        (
            fault.row.line or None,
            fault.row.id,
            in_words(fault.row),
            fault.outcome,
            fault.error,
            fault.says,
        )
        for fault in faults
    ]
    title = f"Failed and drifted rows (at most {_SHOWN_FAULTS})"
    return PageTable.of(title, columns, rows, is_filterable=True)


def _decisions_table(audit: Sequence[AuditEntry], time: BusinessTime) -> PageTable:
    columns = [Column(title) for title in ("when", "who", "what", "why")]
    rows = [(time.show(entry.at), entry.by, entry.what, entry.reason) for entry in audit]
    return PageTable.of("Decisions", columns, rows)
