"""The run as one HTML page: no script, nothing loaded, every foreign string escaped, readable without colours."""

from html import escape

from benchmarks.faults.catalogue import FAULTS
from benchmarks.faults.contenders import CONTENDERS
from benchmarks.faults.judge import CELLS, Row
from benchmarks.faults.report import LETTERS, SIGNS, Report
from benchmarks.faults.terms import BOUND, PATIENCE

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem; color: #1b1b1b;
  background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #c8c8c8; padding: .3rem .5rem; text-align: left; vertical-align: top }
thead th { position: sticky; top: 0; background: #f1f1f1 }
.pass { background: #eef7ee } .fail { background: #fdeeec } .none { color: #666 }
td ul { margin: 0; padding-left: 1rem } td small { color: #444 }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #161616 } thead th { background: #262626 } th, td { border-color: #444 }
  .pass { background: #14261a } .fail { background: #331a18 } .none, td small { color: #aaa }
}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(report: Report) -> str:
    """Return the whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>The fault matrix</title><style>{_STYLE}</style></head><body>",
            "<h1>The fault matrix</h1>",
            f"<p>{escape(report.date)}; {escape(report.system)}.</p>",
            *_key(),
            *_totals(report),
            *_contenders(report),
            *_matrix(report),
            "</body></html>",
            "",
        ]
    )


def _key() -> list[str]:
    letters = ", ".join(f"{letter} {escape(name)}" for letter, name in zip(LETTERS, CELLS, strict=True))
    told = (
        f"{SIGNS['pass']} all that applies holds; {SIGNS['fail']} what does not hold is listed ({letters}); "
        f"{SIGNS['n/a']} does not apply. Late is later than {BOUND:g} s; after {PATIENCE:g} s a process is ended."
    )
    return [f"<p>{told}</p>"]


def _totals(report: Report) -> list[str]:
    lines = ["<h2>Totals</h2><table><thead><tr><th>contender</th>"]
    lines += [f"<th>{escape(name)}</th>" for name in CELLS]
    lines.append("<th>rows without ✗</th></tr></thead><tbody>")
    for name, found in report.totals().items():
        cells = "".join(f"<td>{passed} of {judged}</td>" for passed, judged in found.values())
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    for name, why in report.missing.items():
        lines.append(
            f'<tr><th>{escape(name)}</th><td class="none" colspan="{len(CELLS) + 1}">'
            f"not installed: {escape(why)}</td></tr>"
        )
    return [*lines, "</tbody></table>"]


def _contenders(report: Report) -> list[str]:
    lines = [
        "<h2>Contenders</h2><table><thead><tr><th>contender</th><th>versions</th><th>set up as</th></tr></thead><tbody>"
    ]
    for name, found in report.versions().items():
        versions = ", ".join(f"{package} {version}" for package, version in found.items())
        lines.append(
            f"<tr><th>{escape(name)}</th><td>{escape(versions)}</td><td>{escape(CONTENDERS[name].settings)}</td></tr>"
        )
    return [*lines, "</tbody></table>"]


def _matrix(report: Report) -> list[str]:
    rows, names = report.rows(), report.contenders
    lines: list[str] = []
    for group in dict.fromkeys(FAULTS[name].group for name in report.faults):
        heads = "".join(f"<th>{escape(name)}</th>" for name in names)
        lines.append(f"<h2>{escape(group)}</h2><table><thead><tr><th>fault</th>{heads}</tr></thead><tbody>")
        for fault in (name for name in report.faults if FAULTS[name].group == group):
            cells = "".join(_cell(rows.get((fault, name))) for name in names)
            about = escape(FAULTS[fault].about)
            lines.append(f"<tr><th>{escape(fault)}<br><small>{about}</small></th>{cells}</tr>")
        lines.append("</tbody></table>")
    return lines


def _cell(row: Row | None) -> str:
    if row is None or not row.applies:
        return f'<td class="none">{SIGNS["n/a"]}<br><small>{escape(row.note if row else "not asked")}</small></td>'
    failed = [(name, cell.why) for name, cell in row.cells.items() if cell.mark == "fail"]
    if not failed:
        return f'<td class="pass">{SIGNS["pass"]}</td>'
    told = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in failed)
    return f'<td class="fail">{SIGNS["fail"]}<ul>{told}</ul></td>'
