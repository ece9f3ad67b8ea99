"""Findings as HTML: what ``bank.check()`` found as a table, what keeps the domain from its work first."""

from __future__ import annotations

from html import escape

from workbench.domain.findings import Finding, Findings, Weight
from workbench.notebook.html.box import box

_SIGNS: dict[Weight, tuple[str, str]] = {      # the sign, and the class of its colour
    "fault": ("✗", "delete"), "doubt": ("!", "update"), "advice": ("i", "dim")}


def findings_html(findings: Findings) -> str:
    """The findings, each with its weight, where it is, what it is, and why one should care."""
    if not findings:
        return box('<span class="insert">✓</span> nothing found')
    counts = [f"{number} {weight}{'s' if number != 1 and weight != 'advice' else ''}"
              for weight in _SIGNS for number in [sum(one.weight == weight for one in findings)] if number]
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("weight", "where", "what was found", "why care"))
    rows = "".join(_row(one) for weight in _SIGNS for one in findings if one.weight == weight)
    return box(f"<b>Findings: {', '.join(counts)}</b>",
               f'<table><thead><tr class="dim">{heads}</tr></thead><tbody>{rows}</tbody></table>')


def _row(finding: Finding) -> str:
    sign, colour = _SIGNS[finding.weight]
    return (f'<tr><td class="{colour}">{sign} {finding.weight}</td><th scope="row">{escape(finding.where)}</th>'
            f'<td class="told">{escape(finding.what)}</td><td class="told dim">{escape(finding.why)}</td></tr>')
