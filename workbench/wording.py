"""Wording: how a list, a count, an error and a name that is not known are put into words, and a text so that nothing
hides in it, wherever they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from unicodedata import category, combining, name

LISTED = 100    # names that a message lists
LIMIT = 200     # changes, rows and the like that are shown
FIRST = 10      # lines of an error that may have thousands
BEFORE = 20     # letters that are told before the place where two long texts part

# Scripts whose letters are joined or kept apart by ZWJ and ZWNJ, as the names of their characters begin.
_JOINING = frozenset((
    "ARABIC", "BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA", "KHMER", "MALAYALAM", "MONGOLIAN", "NKO",
    "ORIYA", "SINHALA", "SYRIAC", "TAMIL", "TELUGU"))
# Letters and signs, as Unicode has it, that look like nothing or like a blank: fillers of Hangul, and Braille without
# a dot.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_VIRAMA = 9     # its class of combining
_EMOJI = "[\u2194\u2195\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_FLAGS = "|".join("".join(chr(0xE0000 + ord(sign)) for sign in region) for region in ("gbeng", "gbsct", "gbwls"))
_KEPT = re.compile(
    rf"(?:(?<={_EMOJI})|(?<={_EMOJI}\ufe0f))\u200d(?={_EMOJI})"
    rf"|(?<=\U0001f3f4)(?:{_FLAGS})\U000e007f"
    r"|(?<=\S)[\xa0\u202f\u3000](?=\S)")


def listed(headline: str, lines: Iterable[object]) -> str:
    """A headline and its indented lines, the form of every error that says several things at once."""
    return "\n".join([headline, *(f"  {line}" for line in lines)])


def first_few(things: Sequence[object], attribute: str) -> list[object]:
    """The first ten of the things that an error lists, and how many more are in an attribute of it."""
    more = f"… and {len(things) - FIRST:,} more; .{attribute} of this error has them all"
    return [*things[:FIRST], *([more] if len(things) > FIRST else [])]


def joined(*parts: str) -> str:
    """What is said of one thing, in one line; what is empty is left out."""
    return "; ".join(filter(None, parts))


def counted(count: int, noun: str, form: str = "") -> str:
    """``1 row``, ``2 rows``; with the form ``","`` also ``12,000 rows``."""
    return f"{count:{form}} {noun}{'' if count == 1 else 's'}"


def visible(text: str) -> str:
    """A text in one line in which all can be seen: line breaks, codes of terminals, marks that turn the direction of
    writing, letters that look like nothing and what takes no room are written as in a repr; but for signs that only say
    how the one before them looks (accents, variation selectors).

    What writing needs is kept: ZWJ and ZWNJ between two letters of a script that has them, and ZWJ behind its virama
    (UAX #31, 2.3 Layout and Format Control Characters, taken a little wider: any letters of one script); ZWJ between
    emoji, and the tags of the three flags in general use (UTS #51, emoji ZWJ and tag sequences); and a blank that does
    not break (U+00A0, U+202F) or is ideographic (U+3000), between two signs that are seen."""
    if text.isprintable() and _BLANK.isdisjoint(text):
        return text
    kept = {place for match in _KEPT.finditer(text) for place in range(*match.span())}
    return "".join(
        sign if (sign.isprintable() and sign not in _BLANK) or place in kept or (
            sign in "\u200c\u200d" and _joins(text, place))
        else sign.encode("unicode_escape").decode() for place, sign in enumerate(text))


def parting(text: str, others: Iterable[str], most: int) -> int:
    """Where to begin with a text of which ``most`` letters are told, so that it is seen to differ from others: 0, or
    a little before the first letter in which it differs from one that begins alike."""
    alike = [other for other in others if other != text and other[:most] == text[:most]]
    return max(min(_shared(text, other) for other in alike) - BEFORE, 0) if alike else 0


def _shared(one: str, other: str) -> int:
    """How many letters two texts have in common at their beginning; found by halves, as they may be megabytes."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def visible_lines(text: str) -> str:
    """A text in which all can be seen, in its lines."""
    return "\n".join(map(visible, text.split("\n")))


def _joins(text: str, place: int) -> bool:
    """Whether the ZWJ or ZWNJ at a place changes how the letters of a script beside it are written."""
    before, behind = text[max(place - 1, 0):place], text[place + 1:place + 2]
    script = _script(before)
    return bool(script) and (
        _script(behind) == script or (text[place] == "\u200d" and not behind and combining(before) == _VIRAMA))


def _script(sign: str) -> str:
    """The script of a letter, or a mark on one, in which joiners have a meaning; empty for all else."""
    script = name(sign, "").partition(" ")[0] if sign and category(sign)[0] in "LM" else ""
    return script if script in _JOINING else ""


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
