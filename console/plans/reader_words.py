"""The reader's words for a page: instead of options of the command line, the form's fields."""

from __future__ import annotations

import re

_QUESTION = re.compile("say what it is with --map .*")
FIELDS = {
    "--map": "What the columns are",
    "--ignore-column": "What the columns are",
    "--sheet": "Sheets to read",
    "--header-line": "Line of the column titles",
    "--decimal": "Decimal sign of rates",
    "--encoding": "Encoding of a CSV",
    "--hidden-rows": "Hidden rows",
    "--rates": "Where a cell shows another rate than it holds",
    "--override": "Guard rails to cross, with a reason",
    "--set": "Rules",
    "--round": "Round computed rates to multiples of",
    "--charm": "Endings of computed rates",
    "--effective": "Effective from",
}
"""Labels of the form's fields, by the option that does the same."""
_OPTION = re.compile(r"--[a-z]+(?:-[a-z]+)*")


def in_form_words(line: str) -> str:
    """The line, with the labels of the form's fields."""
    asked = _QUESTION.sub("say below what it is, or that it is nothing", line)
    return _OPTION.sub(lambda found: _label(found[0]), asked)


def _label(option: str) -> str:
    label = FIELDS.get(option)
    return f"“{label}” below" if label else option
