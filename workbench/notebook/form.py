"""Form: a command filled in and issued by mouse or keyboard: a Control for each field, a button, and the outcome.

Everything goes by the command's address, so a form that was made before its cell ran again issues the present command.
An error in a callback would be lost by ipywidgets: here it is shown, and kept in ``last_error``.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.domain.datadef import MISSING
from workbench.domain.entity import Command
from workbench.domain.registry import Registry
from workbench.errors import UnknownName
from workbench.notebook.controls import Control
from workbench.notebook.errors_shown import error_html
from workbench.notebook.step_html import step_html
from workbench.state.step import Step


class Form:
    """The form of one command; ``issue`` is the verb of a workbench. What was filled in stays there after issuing."""

    def __init__(
        self, issue: Callable[..., Step], registry: Registry, command: type[Command] | str, *, on: Any = None,
        **initial: Any,
    ) -> None:
        cls, self.address = _found(registry, command)
        self._issue = issue
        self.on = on
        self.last_error: BaseException | None = None
        self.controls = {name: Control(field) for name, field in cls._fields.items() if not name.startswith("_")}
        for name, value in initial.items():
            if name not in self.controls:
                raise UnknownName("field", name, self.controls, where=self.address)
            self.controls[name].set(value)
        self.button = widgets.Button(description="Issue", button_style="primary")
        self.outcome, self.code = widgets.HTML(), widgets.HTML()
        self.button.on_click(lambda _: self.issue())
        rows = [self._row(control) for control in self.controls.values()]
        head = escape(cls.__doc__.splitlines()[0]) if cls.__dict__.get("__doc__") else ""
        title = widgets.HTML(f'<b>{escape(self.address)}</b> <span style="opacity: .7">{head}</span>')
        self.widget = widgets.VBox([title, *rows, self.button, self.outcome, self.code], layout={"max_width": "44em"})
        for widget, css in ((self.widget, "wb-form"), (self.button, "wb-issue"), (self.outcome, "wb-outcome"),
                            (self.code, "wb-code")):
            widget.add_class(css)

    def issue(self) -> Step | None:
        """Issues what is filled in, if every field takes it; None, and the reason shown, if it does not."""
        self.last_error = None
        try:
            wrong = [control for control in self.controls.values() if not control.check()]
            if wrong:
                return None
            data = {name: control.field.kind.dump(control.field.accept(control.value))
                    for name, control in self.controls.items() if control.value is not MISSING}
            where = "" if self.on is None else f", on={str(getattr(self.on, 'target', self.on))!r}"
            code = escape(f"wb.issue({self.address!r}{where}, data={data!r})")
            self.code.value = f'<div style="opacity: .7">as code:</div><pre>{code}</pre>'
            step = self._issue(self.address, on=self.on, data=data)
            self.outcome.value = step_html(step)
        except Exception as error:
            self.last_error = error
            self.outcome.value = error_html(error)
            return None
        return step

    def _row(self, control: Control) -> widgets.DOMWidget:
        control.input.observe(lambda _: self._checked(control), "value")
        if isinstance(control.input, widgets.Text):
            # Enter; Text.on_submit is deprecated, the message behind it is not.
            control.input.on_msg(lambda _, content, __: content.get("event") == "submit" and self.issue())
        return control.widget

    def _checked(self, control: Control) -> None:
        try:
            control.check()
        except Exception as error:      # of a check of the domain's own; a callback would swallow it
            self.last_error = error
            self.outcome.value = error_html(error)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def _found(registry: Registry, command: type[Command] | str) -> tuple[Any, str]:
    registry.refresh()
    if isinstance(command, str):
        domain, _, key = command.partition(":")
        if domain not in registry.domains:
            raise UnknownName("domain", domain, registry.domains)
        commands = registry.domains[domain].commands
        if key not in commands:
            raise UnknownName("command", key, commands, where=domain)
        return commands[key].cls, command
    known = registry.known(command)
    return known.cls, f"{known.domain}:{known.key}"
