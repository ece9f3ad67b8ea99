"""Findings as a table: what keeps the domain from its work first, every text escaped, and nothing found in words."""

from __future__ import annotations

from typing import Any

from tests.domain.test_findings import shop
from tests.notebook.markup import EVIL, Tags, words
from workbench.domain.findings import Finding, Findings
from workbench.notebook.display import register
from workbench.notebook.html.findings import findings_html


def test_a_domain_with_findings(shell: Any) -> None:
    """``bank.check()`` as a cell's last value is a table: sign and weight, where, what, and why one should care."""
    domain, _ = shop()
    register()
    bundle, _ = shell.display_formatter.format(domain.check())
    html = bundle["text/html"]
    assert Tags(html).open == []
    assert words(html) == (
        "Findings: 2 faults, 2 doubts, 1 advice weight where what was found why care "
        '✗ fault command "set-price" has no handler it cannot be issued; a session does not open such a domain '
        '✗ fault event "price" has no handler it would change nothing; a session does not open such a domain '
        '! doubt event "price" seems unused: no command handler names it '
        "what never happens is code to read and keep; yield it or forget it "
        '! doubt event "price" seems not to be in the past tense '
        'an event is a fact; "account-opened" is not taken for an order, "open-account" is '
        'i advice resource "article" has neither an invariant nor a field with check=, choices= or limits '
        "every value of the right type is taken; what must never be is best said here, once")
    assert bundle["text/plain"] == repr(domain.check())


def test_nothing_found_and_evil_names() -> None:
    """No findings are a line that says so; a script in a finding is text."""
    assert words(findings_html(Findings())) == "✓ nothing found"
    html = findings_html(Findings([Finding(EVIL, EVIL, EVIL)]))
    assert Tags(html).open == []
    assert words(html) == "Findings: 1 doubt weight where what was found why care ! doubt EVIL EVIL EVIL"
