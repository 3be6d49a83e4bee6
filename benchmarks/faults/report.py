"""What is told of one run: totals, Markdown, and the JSON that can be judged again.

A cell is a sign and words, never a colour alone.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.contenders import CONTENDERS
from benchmarks.faults.drive import Record
from benchmarks.faults.judge import CELLS, Row, judge

SIGNS = {"pass": "✓", "fail": "✗", "n/a": "n/a"}
LETTERS = ("A", "S", "T", "H", "U")
"""One for each of `judge.CELLS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is told of one run.

    Attributes:
        date: when, as year-month-day.
        records: one per pair of contender and fault.
        missing: contenders that were asked for and are not here, and why.
        system: the machine, in words.
    """

    date: str
    records: Sequence[Record]
    missing: Mapping[str, str]
    system: str

    @property
    def contenders(self) -> list[str]:
        """Return the names of those who were asked, in the order of the table."""
        asked = {one.contender for one in self.records}
        return [name for name in CONTENDERS if name in asked]

    @property
    def faults(self) -> list[str]:
        """Return the names of the faults, in the order of the table."""
        asked = {one.fault for one in self.records}
        return [name for name in FAULTS if name in asked]

    @property
    def broken(self) -> list[Record]:
        """Return the records of processes that did not start: they say nothing about a contender."""
        return [one for one in self.records if one.complaint]

    def rows(self) -> dict[tuple[str, str], Row]:
        """Return the row of each pair of fault and contender."""
        return {(one.fault, one.contender): judge(FAULTS[one.fault], one.facts, one.exit_code) for one in self.records}

    def versions(self) -> dict[str, dict[str, str]]:
        """Return the versions that each contender's process found, by contender and distribution."""
        found: dict[str, dict[str, str]] = {}
        for one in self.records:
            for fact in one.facts:
                if fact["what"] == "versions":
                    found[one.contender] = fact["found"]
        return {name: found.get(name, {}) for name in self.contenders}

    def totals(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Return how often each cell passed and how often it was judged, by contender; `rows` are those without ✗."""
        rows = self.rows()
        return {
            name: _totals([rows[fault, name] for fault in self.faults if (fault, name) in rows])
            for name in self.contenders
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; `from_dict` reads it."""
        return {
            "date": self.date,
            "system": self.system,
            "missing": dict(self.missing),
            "versions": self.versions(),
            "totals": {name: {cell: list(two) for cell, two in found.items()} for name, found in self.totals().items()},
            "records": [one.to_dict() for one in self.records],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Report":
        """Return the report that `to_dict` has told.

        Raises:
            ValueError: it is none, or is about faults or contenders that there are not.
        """
        try:
            records = [Record(**one) for one in told["records"]]
            report = cls(date=told["date"], records=records, missing=told["missing"], system=told["system"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is not the JSON of a run: {error!r}") from None
        unknown = {one.fault for one in records} - set(FAULTS) | {one.contender for one in records} - set(CONTENDERS)
        if unknown:
            raise ValueError(f"it knows what this version does not: {', '.join(sorted(unknown))}")
        return report

    def to_markdown(self) -> str:
        """Return the totals, the versions and one table per group of faults."""
        return "\n".join([*self._totals_table(), "", *self._versions_list(), "", *self._tables()])

    def _totals_table(self) -> list[str]:
        heads = ["", *CELLS, "rows without ✗"]
        lines = [_line(heads), _line(["---"] * len(heads))]
        for name, found in self.totals().items():
            lines.append(_line([name, *(f"{passed} of {judged}" for passed, judged in found.values())]))
        lines += [_line([name, *["not installed"] * (len(heads) - 1)]) for name in self.missing]
        return lines

    def _versions_list(self) -> list[str]:
        told = [
            f"- {name}: {', '.join(f'{package} {version}' for package, version in found.items())}"
            for name, found in self.versions().items()
        ]
        told += [f"- {name}: not asked, it could not be installed: `{why}`" for name, why in self.missing.items()]
        return [f"{self.date}; {self.system}.", "", *told]

    def _tables(self) -> list[str]:
        rows, names = self.rows(), self.contenders
        lines: list[str] = []
        for group in dict.fromkeys(FAULTS[name].group for name in self.faults):
            lines += [f"### {group}", "", _line(["fault", *names]), _line(["---"] * (len(names) + 1))]
            for fault in (name for name in self.faults if FAULTS[name].group == group):
                lines.append(_line([fault, *(short(rows.get((fault, name))) for name in names)]))
            lines.append("")
        return lines[:-1]


def short(row: Row | None) -> str:
    """Return *row* as one sign and the letters of the cells that fail: `✗ S T`."""
    if row is None or not row.applies:
        return SIGNS["n/a"]
    failed = [letter for letter, cell in zip(LETTERS, row.cells.values(), strict=True) if cell.mark == "fail"]
    return " ".join([SIGNS["fail"], *failed]) if failed else SIGNS["pass"]


def here() -> str:
    """Return the machine in words."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _totals(rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
    found = {}
    for cell in CELLS:
        marks = [row.cells[cell].mark for row in rows]
        found[cell] = (marks.count("pass"), len(marks) - marks.count("n/a"))
    applying = [row for row in rows if row.applies]
    return {**found, "rows": (sum(row.whole for row in applying), len(applying))}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
