"""Plan files: how a saved plan is written down as JSON, hashed, read back and put on disk.

A ``document`` is plain JSON values. Its text is laid out for people and for ``git diff``: what fits on a line is on
one line, of all else each member has its own, in the order given. The hash is made of the values alone, so that other
line ends or spaces do not change it; any other change by hand does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from errno import EINVAL
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from workbench.errors import UnreadablePlan

FORMAT, VERSION = "workbench plan", 1
WIDTH = 118     # columns of a line


def text_of(document: Mapping[str, Any]) -> str:
    """The document as it is written to a file."""
    return _laid_out(document, 0, 0, 3) + "\n"


def _laid_out(value: Any, indent: int, used: int, open_levels: int) -> str:
    """The outer ``open_levels`` levels have one member a line even where they would fit, as in every file.

    ``used`` is how much of the line stands before the value."""
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False)
    if open_levels <= 0:
        flat = json.dumps(value, ensure_ascii=False)
        if indent + used + len(flat) <= WIDTH:
            return flat
    pad, inner = " " * (indent + 2), open_levels - 1
    if isinstance(value, dict):
        names = [json.dumps(name, ensure_ascii=False) for name in value]
        lines = [f"{pad}{name}: {_laid_out(member, indent + 2, len(name) + 2, inner)}"
                 for name, member in zip(names, value.values(), strict=True)]
        return "\n".join(["{", ",\n".join(lines), " " * indent + "}"])
    lines = [f"{pad}{_laid_out(member, indent + 2, 0, inner)}" for member in value]
    return "\n".join(["[", ",\n".join(lines), " " * indent + "]"])


def hash_of(document: Mapping[str, Any]) -> str:
    """``sha256:…`` of all that the document says, except its hash."""
    rest = {name: value for name, value in document.items() if name != "hash"}
    canonical = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"sha256:{sha256(canonical.encode(errors='surrogatepass')).hexdigest()}"


def parsed(raw: bytes | str, *, path: Path | None = None) -> tuple[dict[str, Any], list[str]]:
    """The document in a text, and its faults: what ``save`` would never have written, a line each.

    Raises UnreadablePlan."""
    faults: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:       # the last one counts, and whoever reads the text may see the first
                faults.append(f'"{name}" stands twice in one place')
            found[name] = value
        return found

    def constant(name: str) -> str:
        faults.append(f"{name} is no JSON")
        return name

    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise UnreadablePlan(f"this is no saved plan, for it is no JSON ({error}); give a file that plan.save(…) wrote",
                             path=path) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UnreadablePlan("this is JSON, but no saved plan; give a file that plan.save(…) wrote", path=path)
    return document, list(dict.fromkeys(faults))


def content_of(path: Path) -> bytes:
    """What a file holds; raises OSError, also for what has no end, as a pipe or a device, and for what is no path."""
    try:
        if os.path.exists(path) and not (path.is_file() or path.is_dir()):
            raise OSError(EINVAL, "it is a pipe, a device or the like")
        return path.read_bytes()
    except ValueError as error:     # a NUL in it, or half a surrogate pair
        raise OSError(EINVAL, str(error)) from None


def write(path: Path, text: str) -> None:
    """Writes a text to a file, all of it or nothing: after a crash the file is as it was. Raises OSError."""
    try:
        beside = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
        with suppress(FileNotFoundError):
            beside.lstat()
    except ValueError as error:     # as for reading; or it has no name
        raise OSError(EINVAL, str(error)) from None
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
