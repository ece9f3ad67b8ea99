"""Form style: the style sheet that a form brings along, in JupyterLab's own colours; it also keeps the form's keys."""

from __future__ import annotations

from typing import Final

from workbench.notebook.forms.desk import NAMES, NUMBERS
from workbench.notebook.forms.keys import keeping_keys

# Of selects; JupyterLab's own is black, in the dark theme too.
ARROW: Final = ("--jp-widgets-dropdown-arrow: url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' "
                "viewBox='0 0 18 18'%3E%3Cpath d='M5 7l4 4 4-4' fill='none' stroke='%23808080' "
                "stroke-width='2'/%3E%3C/svg%3E\")")

# A browser keeps a day that is typed in part to itself: the kernel hears of none, and the style alone can say so.
HALF: Final = "✗ only a part of the day is filled in, so that there is none"


def seen_style(css: str) -> str:
    """The rules that a form and a panel share. Where the keyboard is can be seen, on buttons too, which have a hairline
    of their own, and some are blue. Where the kernel is gone the element says so, in place of a broken link beside each
    widget."""
    return f"""{css} :focus-visible {{outline: 2px solid var(--jp-ui-font-color0, currentColor) !important;
    outline-offset: 2px}}
.wb-gone {{display: none}}
{css}.jupyter-widgets-disconnected > .wb-gone {{display: block}}
{css}.jupyter-widgets-disconnected > :not(.wb-gone) {{opacity: .5; pointer-events: none}}
{css}.jupyter-widgets-disconnected::before, {css} .jupyter-widgets-disconnected::before {{content: none}}"""


STYLE: Final = f"""{keeping_keys(".wb-form")}
.wb-form {{max-width: 46em; {ARROW}}}
{seen_style(".wb-form")}
.wb-form .widget-inline-hbox, .wb-form .wb-line {{width: auto}}
.wb-form .wb-line > .widget-inline-hbox {{flex: 1 1 auto; min-width: 0}}
.wb-form .wb-line > .wb-zone {{flex: 0 1 16em}}
.wb-form .wb-line > .wb-none, .wb-form .wb-title > .wb-none {{flex: 0 0 auto; width: auto}}
.wb-form .wb-title > .wb-none {{margin-left: 1em}}
.wb-form .wb-line > .wb-tick {{margin-left: calc({NAMES} + 10px)}}
.wb-form .wb-row > .wb-member > .wb-line > .wb-tick {{margin-left: 2px}}
.wb-form .wb-beneath > .widget-html-content > div {{margin-left: calc({NAMES} + 8px); line-height: 1.4;
    overflow-wrap: anywhere}}
.wb-form .wb-row > .wb-member > .wb-beneath > .widget-html-content > div {{margin-left: calc({NUMBERS} + 8px)}}
.wb-form .wb-nested {{border-left: 2px solid var(--jp-border-color1, #9e9e9e); margin: 0 0 .4em .5em;
    padding-left: .6em}}
.wb-form .wb-nested > .wb-beneath > .widget-html-content > div {{margin-left: 2px}}
.wb-form .wb-row > .wb-member {{flex: 1 1 auto; min-width: 0}}
.wb-form .wb-row > button {{flex: 0 0 auto; min-width: 2.2em; padding: 0}}
.wb-form .wb-add {{align-self: flex-start}}
.wb-form input[type=datetime-local], .wb-form input[type=time] {{flex: 1 1 auto; min-width: 0; box-sizing: border-box;
    height: var(--jp-widgets-inline-height); padding: var(--jp-widgets-input-padding) 8px; border: 1px solid
    var(--jp-widgets-input-border-color); background: var(--jp-widgets-input-background-color);
    color: var(--jp-widgets-input-color); font-size: var(--jp-widgets-font-size)}}
.wb-form .wb-hint {{opacity: .75}}
.wb-form :has(> .wb-line input[type=date]:invalid:not(:focus))::after {{content: "{HALF}";
    margin-left: calc({NAMES} + 8px); line-height: 1.4}}
.wb-form .wb-problem, .wb-form :has(> .wb-line input[type=date]:invalid)::after {{
    color: color-mix(in srgb, var(--jp-error-color1, #c62828) 75%, currentColor)}}
</style>"""
