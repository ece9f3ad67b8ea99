"""Keys: what keeps the keys that are pressed in a form or a panel from the notebook around it.

JupyterLab takes a plain letter for a command of its own wherever one does not type text, in a chooser, on a button and
at a tick: X cuts the cell with all that was filled in, an arrow leads out of it. ipywidgets has no way to say that a
key was used. But a style sheet tells when it is loaded, and a form and a panel bring one: it puts a listener on them.
"""

from __future__ import annotations

from typing import Final

# Escape leads out, to the cell, also where JupyterLab would leave the focus as it is; and what is held with Ctrl, Alt
# or Cmd, as to save, is the notebook's all the same. An assignment: done again, as when the title is shown anew, it
# is still one listener.
_KEPT: Final = ("const box = this.closest('{css}'); if (box) box.onkeydown = event => "
                "{{ if (event.key === 'Escape') (box.closest('.jp-Notebook-cell') || event.target).focus(); "
                "else if (!(event.ctrlKey || event.altKey || event.metaKey)) event.stopPropagation() }}")


def keeping_keys(css: str) -> str:
    """The opening tag of a style sheet that keeps plain keys within the element of a selector that it lies in."""
    return f'<style onload="{_KEPT.format(css=css)}">'
