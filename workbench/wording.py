"""Wording: how a list, a count, an error and a name that is not known are put into words, and a text so that nothing
hides in it, wherever they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LISTED = 100    # names that a message lists


def listed(headline: str, lines: Iterable[object]) -> str:
    """A headline and its indented lines, the form of every error that says several things at once."""
    return "\n".join([headline, *(f"  {line}" for line in lines)])


def counted(count: int, noun: str, form: str = "") -> str:
    """``1 row``, ``2 rows``; with the form ``","`` also ``12,000 rows``."""
    return f"{count:{form}} {noun}{'' if count == 1 else 's'}"


def visible(text: str) -> str:
    """A text in one line in which all can be seen: line breaks, codes of terminals and marks that turn the direction of
    writing are written as in a repr."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def error_words(error: BaseException) -> str:
    """``NotFound: bank:account/1 was not found …``: an error as Python ends a traceback."""
    return f"{type(error).__name__}: {error}"


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean "deposit"? There is: …`` when something is near, else ``there is: …``; to follow a semicolon. Of
    very many the first hundred are named."""
    return offered(name, sorted(known))


def offered(name: str, known: Sequence[str], none: str = "none yet") -> str:
    """``nearest`` in the order given; ``none`` is said where there is nothing."""
    names = ", ".join([*known[:LISTED], *([f"and {len(known) - LISTED:,} more"] if len(known) > LISTED else [])])
    near, there = meant(name, known), f"is: {names}" if known else f"is {none}"
    return f"{near}There {there}" if near else f"there {there}"


def meant(name: str, known: Sequence[str]) -> str:
    """``did you mean "deposit"? `` when something is near, else nothing."""
    from difflib import get_close_matches  # not at the import of all, which must be light

    close = get_close_matches(name, known, n=1)
    return f'did you mean "{close[0]}"? ' if close else ""
