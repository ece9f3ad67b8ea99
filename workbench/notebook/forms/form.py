"""Form: a command filled in and issued by mouse or keyboard: what it is on, a control for each field, and the outcome.

A form knows its command by its address: when the cell that defines the command runs again, the form gets the new fields
at the end of that cell, keeps what was typed, and issues the new command. ipywidgets would lose an error in a callback:
here it is shown, and kept in ``last_error``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from keyword import iskeyword
from threading import Lock, RLock
from time import monotonic
from traceback import format_exc
from typing import Any

import ipywidgets as widgets

from workbench.domain.convert import Refused
from workbench.domain.entity import Command
from workbench.domain.kinds import within
from workbench.domain.registry import Kindred, Registry
from workbench.errors import Invalid, NotFound, Problem, UnknownName
from workbench.notebook.arrival import Arrival
from workbench.notebook.closing import close, show
from workbench.notebook.display import after_cells, called
from workbench.notebook.forms.aim import Aim
from workbench.notebook.forms.controls import control_of
from workbench.notebook.forms.desk import Desk
from workbench.notebook.forms.finder import Finder
from workbench.notebook.forms.group import Group, has_star
from workbench.notebook.forms.making import may_make
from workbench.notebook.forms.style import STYLE
from workbench.notebook.html.box import box
from workbench.notebook.html.called import Called
from workbench.notebook.html.errors import error_html
from workbench.notebook.html.step import step_html
from workbench.state.step import Step

_TAKEN = ("on", "data", "if_match")     # arguments of issue itself
TWICE = 0.5     # seconds within which the same click again is the second one of a double click
WIDE = 100      # characters of code in one line
# Shown by the style alone: there is no kernel any more that could show it.
_GONE = ('<div class="delete" role="alert">✗ The kernel was restarted or is gone, and with it this form: nothing '
         "can be issued here any more. Run the cells again.</div>")


class Form:
    """The form of one command on a workbench. What was filled in stays there after issuing."""

    def __init__(self, wb: Any, command: type[Command] | str, /, *, on: Any = None, **initial: Any) -> None:
        self._wb = wb
        self._registry: Registry = wb._at_work().registry
        self._cls, self.address = found(self._registry, command)
        self._finder = Finder(wb)
        self._busy, self._last = Lock(), (float("-inf"), None)      # when it issued, and what was typed where then
        self._making = RLock()      # held while the controls of another class are made: of a click and a cell, one does
        self._asks = False      # whether the cursor was put where something is to be filled in
        self.last_error: BaseException | None = None
        self.title, self.fields = widgets.HTML(), widgets.VBox()
        self.button = widgets.Button(description="Issue", button_style="primary", tooltip=f"issue {self.address}")
        self.output, self.outcome, self.code = widgets.Output(), widgets.HTML(), widgets.HTML()
        self._arrival = Arrival()
        self.button.on_click(lambda _: self._run(self._pressed))
        self.star = widgets.HTML('<span class="wb-hint">* must be filled in</span>')
        issuing = widgets.HBox([self.button, self.star])
        gone = widgets.HTML(box(_GONE)).add_class("wb-gone")
        self.widget = widgets.VBox([gone, self.title, self.fields, issuing, self.output, self.outcome, self.code,
                                    self._arrival.widget])
        for widget, css in ((self.widget, "wb-form"), (self.button, "wb-issue"), (self.outcome, "wb-outcome"),
                            (self.code, "wb-code")):
            widget.add_class(css)
        self._place(self._cls, *self._made(self._cls))
        unknown = [name for name in initial if name not in self._cls._public]
        if unknown:
            raise UnknownName("field", unknown[0], self.controls, where=self.address)
        self._fill(initial)
        if on is not None:
            if self.aim is None:
                raise Invalid(self.address, [Problem("on", on, "its domain has no resource, so it is on no item")])
            self.aim.set(on)
        self._unhook = after_cells(self.refresh)
        self._follows = True
        self.widget._view_count = 0     # the front end counts from now on where it is in sight
        self.widget.observe(self._sighted, "_view_count")

    @property
    def controls(self) -> Any:
        """The control of each field."""
        return self.group.controls

    @property
    def on(self) -> str | None:
        """What it is issued on, as ``wb.issue`` takes it."""
        return None if self.aim is None else self.aim.value

    def refresh(self) -> None:
        """Shows the fields of the command as it is defined now, and offers the present items; what was typed stays."""
        self._run(self._refresh)

    def issue(self) -> Step | None:
        """Issues what is filled in, if all of it is admitted; otherwise shows the reasons and returns None."""
        if not self._busy.acquire(blocking=False):
            return None     # a click that came in, on another thread, while the first one is at work
        self.button.disabled = True
        self.last_error, self._asks = None, False
        try:
            self.output.outputs = ()
            with self.output:       # what a handler prints, and a long command's bar, would be seen nowhere else
                return self._issued()
        finally:
            self.button.disabled = False
            self._busy.release()

    def close(self) -> None:
        """Removes the form from the page."""
        self._unhook()
        self._arrival.close()
        close(self.widget)

    def _sighted(self, change: Any) -> None:
        """Ends following cells when no page shows the form, as when its cell ran again; begins again when one does."""
        if change.new == 0:
            self._unhook()
            self._follows = False
        elif not self._follows:
            self._unhook = after_cells(self.refresh)
            self._follows = True
            self.refresh()

    def _made(self, cls: Any) -> tuple[Aim | None, Group]:
        """The controls of a command."""
        domain = self.address.partition(":")[0]
        desk = Desk(control_of, self._finder, run=self._run, changed=lambda: None, entered=self._entered, home=domain)
        definition = self._registry.known(cls).definition
        kindreds = ([self._registry.kindred(definition.on)] if definition.on is not None
                    else touchable(self._registry, domain))
        aim = Aim(kindreds, desk, new=definition.on is not None,
                  makes=may_make(self._registry, self.address)) if kindreds else None
        return aim, Group(cls, desk)

    def _place(self, cls: Any, aim: Aim | None, group: Group) -> None:
        """Shows the controls of a command, which are filled in already: a click may issue what stands in them."""
        self._cls, self.aim, self.group = cls, aim, group
        head = escape(cls.__doc__.splitlines()[0]) if cls.__dict__.get("__doc__") else ""
        self.title.value = f'{STYLE}<b>{escape(self.address)}</b> <span class="wb-hint">{head}</span>'
        self.star.layout.display = "" if has_star(cls) else "none"
        show(self.fields, [*([aim.widget] if aim else []), group.widget])

    def _fill(self, initial: Mapping[str, Any]) -> None:
        """Fills values into the fields. Raises Invalid with all those that are not admitted."""
        faults: list[Problem] = []
        for name, value in initial.items():
            try:
                self.group.set({name: value})
            except Refused as refusal:
                faults.append(Problem(name, value, str(refusal)))
            except Invalid as invalid:
                faults += within(name, invalid.problems)
        if faults:
            raise Invalid(self.address, faults)

    def _refresh(self) -> None:
        if self._wb.closed:
            self._unhook()
            return
        with self._making:
            cls, _ = found(self._registry, self.address)
            if cls is not self._cls:
                aim, group = self._made(cls)
                group.hidden = {name: value for name, value in self.group.hidden.items() if name in cls._fields}
                group.redraft(self.group.draft())
                if aim is not None and self.aim is not None:
                    aim.redraft(self.aim.draft())
                self._place(cls, aim, group)
        self.group.refresh()
        if self.aim is not None:
            self.aim.refresh()

    def _issued(self) -> Step | None:
        """As ``issue``; nothing is raised, for ``output`` would swallow it."""
        made: list[Step] = []
        self._run(lambda: self._call(made))
        return made[0] if made else None

    def _call(self, made: list[Step]) -> None:
        """Issues, and puts the step into ``made`` before it is shown."""
        self._wb._at_work()
        self._refresh()
        if not self._right():
            self.outcome.value = self.code.value = ""       # of an earlier one, which one could take for this one's
            return
        command, on = self._cls(**self.group.value), self.on
        data = {name: self._cls._fields[name].kind.dump(getattr(command, name)) for name in self.group.value}
        code = escape(code_of(called(self._wb) or "wb", self.address, on, data))
        self.code.value = f'<div class="wb-hint">as code:</div><pre>{code}</pre>'
        try:
            step: Step = self._wb.issue(self.address, on=on, data=data)
        except NotFound as error:
            if self.aim is not None and error.made_up:
                self.aim.ask()
                self._asks = True
            raise
        made.append(step)
        self._last = monotonic(), self._typed_here()
        try:
            self.outcome.value = step_html(step, Called(self._wb.session.manager))
        except (Exception, KeyboardInterrupt):      # it did not fail, and is not to be issued again
            self.outcome.value = box(f'<div role="alert"><span class="update">!</span> step {step.number} was issued, '
                                     f"but it cannot be shown:</div><pre>{escape(format_exc())}</pre>")
        try:
            self._refresh()
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"step {step.number} was issued all the same")
            raise
        self._last = monotonic(), self._last[1]     # to show it may have taken long; the second click came meanwhile

    def _right(self) -> bool:
        """Whether all that is filled in is admitted; if not, puts the cursor where the first fault is."""
        aimed = self.aim is None or self.aim.check()
        right = self.group.check()
        if self.aim is not None and not aimed:
            self.aim.focus()
        elif not right:
            self.group.focus()
        self._asks = not (aimed and right)
        return not self._asks

    def _entered(self) -> None:
        self._arrival.then(lambda: self._run(self._clicked))

    def _pressed(self) -> None:
        """Issues, and gives the keyboard back to the button: a browser takes it from one that is at work."""
        def deed() -> None:
            began = monotonic()
            self._clicked()
            if not self._asks and monotonic() - began < TWICE:      # later somebody may be at work elsewhere
                self.button.focus()

        self._arrival.then(lambda: self._run(deed))

    def _clicked(self) -> None:
        at, typed = self._last
        if self._wb.closed or monotonic() - at > TWICE or typed != self._typed_here():
            self.issue()

    def _typed_here(self) -> Any:
        """All that is typed now, and the State that it would be issued on: alike in both clicks of a double click."""
        return [self.aim and self.aim.draft(), [control.draft() for control in self.controls.values()],
                id(self._wb.session.manager.state)]

    def _run(self, deed: Callable[[], Any]) -> None:
        """Does what a callback asks for; ipywidgets would swallow what it raises."""
        try:
            deed()
        except Exception as error:
            self.last_error = error
            self.outcome.value = error_html(error)
        except KeyboardInterrupt as interrupt:
            self.last_error = interrupt
            told = " ".join(getattr(interrupt, "__notes__", ())) or "all is as it was before"
            self.outcome.value = box(f'<div role="alert" class="delete">✗ interrupted; {escape(told)}</div>')

    def __repr__(self) -> str:
        return (f"<form of {self.address}; where there is nothing to click, the kernel was restarted or is gone: "
                f"open it again with wb.form({self.address!r})>")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_(**options) or {}
        return {**bundle, "text/plain": repr(self)}


def code_of(wb: str, address: str, on: str | None, data: dict[str, Any]) -> str:
    """The Python that issues the same."""
    arguments = [repr(address)] + ([f"on={on!r}"] if on is not None else [])
    if not any(iskeyword(name) or name in _TAKEN for name in data):
        arguments += [f"{name}={value!r}" for name, value in data.items()]
    else:
        arguments.append(f"data={data!r}")
    line = f"{wb}.issue({', '.join(arguments)})"
    return line if len(line) <= WIDE else "\n".join([f"{wb}.issue(", *(f"    {one}," for one in arguments), ")"])


def found(registry: Registry, command: type[Command] | str) -> tuple[Any, str]:
    """The present class of a command, given as a class or by its address, and its address; raises UnknownName."""
    registry.refresh()
    if isinstance(command, str):
        domain, definition = registry.command_named(command)
        return definition.cls, f"{domain.key}:{definition.key}"
    known = registry.known(command)
    return known.cls, f"{known.domain}:{known.key}"


def touchable(registry: Registry, domain: str) -> list[Kindred]:
    """The resources that a domain may touch."""
    return [kindred for kindred in registry.resources if kindred in registry.granted(domain)]
