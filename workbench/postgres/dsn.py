"""The DSN of a server, as it can be shown to anybody: its password hidden, however it was written."""

from __future__ import annotations

import re

_SECRETS = (
    # Between the first colon and the last @: a user and a password may hold what they should have as %-codes.
    re.compile(r"\A\s*(?:\w[\w+.-]*://)?+[^:]*:(?P<secret>.*)@", re.DOTALL),
    # What a name with %-codes is, only who reads it knows.
    re.compile(r"[?&](?:\w*password|[^=&?\s]*%[^=&?\s]*)\s*=(?P<secret>[^&]+)", re.IGNORECASE),
    re.compile(r"(?<![?&\w])\w*password\s*=\s*(?P<secret>'(?:\\.|[^'\\])*'?|\S+)", re.IGNORECASE | re.DOTALL))


def masked(dsn: str) -> str:
    """A DSN fit to be shown: ``postgresql://ada:***@localhost/bank``. What may be of a password is not shown either."""
    spans = sorted(found.span("secret") for secret in _SECRETS for found in secret.finditer(dsn))
    shown, end = "", 0
    for first, last in spans:
        if first > end or not shown:
            shown += dsn[end:first] + "***"
        end = max(end, last)
    return shown + dsn[end:]
