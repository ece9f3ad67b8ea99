"""Markup as the tests read it: its tags, each closed in its turn, its words, and a text that would do harm."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from re import sub
from typing import Any

from workbench.notebook.html.box import STYLE

EVIL = "</div><script>alert('&')</script>\"'"
VOID = ("br",)


class Tags(HTMLParser):
    """What is open, and every tag that was there; fails where one is closed that is not the last opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text(html: str) -> str:
    """The words of some HTML, without its style and markup."""
    return unescape(sub(r"<[^>]*>", " ", html.replace(STYLE, "")))


def words(html: str) -> str:
    """The text in one line, the evil one by its name."""
    return " ".join(text(html).split()).replace(EVIL.replace("'", r"\'"), "EVIL").replace(EVIL, "EVIL")
