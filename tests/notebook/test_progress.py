"""The progress bar: when it is shown, where, that its button truly cancels, and what is left behind."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from tests.notebook.kernels import Kernel
from workbench.errors import Cancelled
from workbench.notebook.bridge import Bridge
from workbench.notebook.progress import ProgressBar, TerminalLine

SETUP = """
import asyncio
from workbench.notebook.bridge import Bridge
from workbench.notebook.progress import ProgressBar

bridge = Bridge()
log = []

async def long(bar, count):
    try:
        for number in range(count):
            bar(number, count)
            if bar.face is not None and "shown" not in log:
                log.append("shown")
                print("button", bar.face.button.model_id, flush=True)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    bar(count, count)
    return "whole"

async def silent(bar):
    try:
        while bar.face is None:
            await asyncio.sleep(0.01)
        print("button", bar.face.button.model_id, flush=True)
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    finally:
        log.append(bar.face.label.value)
"""
SILENT = """
log.clear()
with ProgressBar("load", delay=0.05) as bar:
    bridge.run(silent(bar), begun=bar.begin)
"""
CLICKED = """
import signal
import ipywidgets as widgets
from workbench.errors import Cancelled
from workbench.notebook.progress_widget import shown_in

place, start = widgets.VBox(), widgets.Button()

def clicked(_):
    log.clear()
    try:
        with shown_in(place), ProgressBar("load", delay=0.05) as bar:
            bridge.run(silent(bar), begun=bar.begin)
    except Cancelled as cancelled:
        log.append(str(cancelled))

start.on_click(clicked)
start.comm._reply_subshell_for = lambda data, chosen: chosen        # or ipykernel 7.4 takes the click to the main shell
start.model_id
"""
RUN = """
log.clear()
with ProgressBar("load", delay=DELAY) as bar:
    outcome = bridge.run(long(bar, COUNT))
outcome
"""


def cell(delay: float, count: int) -> str:
    return RUN.replace("DELAY", str(delay)).replace("COUNT", str(count))


def test_the_button_cancels_what_runs(running: Kernel) -> None:
    """A click, which JupyterLab sends to a subshell, ends the cell that still runs; its task was cancelled."""
    shell = running.subshell()
    sent = running.send(cell(0.05, 100_000))
    button = running.until(sent, "button").text.split()[-1]
    running.send_click(button, subshell=shell)
    ended = running.wait(sent)
    assert ended.error == "Cancelled"
    assert "of 100,000: nothing was done, all is as it was before" in ended.traceback
    assert running.execute("log").value == "['shown', 'cancelled']"


def test_the_interrupt_cancels_as_well(running: Kernel) -> None:
    """The kernel's interrupt ends it as ever, and takes the bar away."""
    sent = running.send(cell(0.05, 100_000))
    running.until(sent, "button")
    running.interrupt()
    assert running.wait(sent).error == "KeyboardInterrupt"
    assert running.execute("log").value == "['shown', 'cancelled']"


def test_what_never_says_how_far_it_is(running: Kernel) -> None:
    """A verb that is not known to be long has its bar and its button too, after half a second."""
    shell = running.subshell()
    sent = running.send(SILENT)
    running.send_click(running.until(sent, "button").text.split()[-1], subshell=shell)
    ended = running.wait(sent)
    assert ended.error == "Cancelled"
    assert "load was cancelled: nothing was done, all is as it was before" in ended.traceback
    assert running.execute("log").value == "['cancelled', 'cancelling …']"


@pytest.mark.parametrize("by", ["button", "interrupt"])
def test_what_a_click_started_is_cancelled(running: Kernel, by: str) -> None:
    """What runs in a subshell is cancelled by its button, whose click goes to the main shell, and by the kernel's
    interrupt, of which ipykernel tells cells only; afterwards interrupts are ignored between cells as ever."""
    shell = running.subshell()
    model = (running.execute(CLICKED).value or "").strip("'")
    sent = running.send_click(model, subshell=shell)
    button = running.until(sent, "button").text.split()[-1]
    assert running.execute("len(place.children)").value == "1"
    if by == "button":
        routed = running.execute("import ipykernel; ipykernel.version_info >= (7, 4)").value == "True"
        running.click(button, subshell=shell if routed else None)
    else:
        running.interrupt()
    running.wait(sent)
    assert running.execute("log[-1]").value == "'load was cancelled: nothing was done, all is as it was before'"
    assert running.execute("len(place.children)").value == "0"
    assert running.execute("get_ipython().kernel.saved_sigint_handler is signal.SIG_IGN").value == "True"


def test_what_is_shown_is_gone_at_the_end(running: Kernel) -> None:
    """The widget is shown, follows, and its output is empty when the verb is back, its models closed."""
    ended = running.execute(cell(0.05, 60))
    assert ended.value == "'whole'"
    assert ["application/vnd.jupyter.widget-view+json" in bundle for bundle in ended.shown] == [True]
    assert [update["data"] for update in ended.contents("update_display_data")] == [{"text/plain": ""}]
    values = [content["data"]["state"]["value"] for content in ended.contents("comm_msg")
              if "value" in content["data"].get("state", {})]
    assert len([value for value in values if isinstance(value, int)]) > 2
    assert [value for value in values if isinstance(value, str)][-1].endswith(" of 60")
    assert len(ended.contents("comm_close")) >= 4


def test_a_short_verb_shows_nothing(running: Kernel) -> None:
    """Within the first half second nothing is shown, and ipywidgets is not even asked."""
    ended = running.execute(cell(0.5, 10))
    assert (ended.value, ended.shown, ended.text, ended.contents("comm_open")) == ("'whole'", [], "", [])


# ------------------------------------------------------------------------------------------------ without a kernel


async def count(bar: ProgressBar, total: int = 3) -> str:
    for number in range(total + 1):
        bar(number, total)
        await asyncio.sleep(0)
    return "whole"


class Screen(io.StringIO):
    """A terminal that writes down what it is sent."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal one line is written over, and wiped at the end."""
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("workbench.notebook.progress.PAUSE", 0)
    with ProgressBar("load", delay=0) as bar:
        assert bridge.run(count(bar)) == "whole"
    assert isinstance(bar.face, TerminalLine)
    assert screen.getvalue() == "\rload: 0 of 3\rload: 1 of 3\rload: 2 of 3\r            \r"


def test_a_script_prints_nothing(bridge: Bridge, capfd: pytest.CaptureFixture[str]) -> None:
    """Where there is neither a notebook nor a terminal nothing is printed."""
    with ProgressBar("load", delay=0) as bar:
        assert bridge.run(count(bar)) == "whole"
    assert capfd.readouterr() == ("", "")


def test_cancel_is_told_with_how_far_it_was(bridge: Bridge) -> None:
    """`cancel` cancels the task; what is raised says how far it was, and that nothing was done."""

    async def cancelled(bar: ProgressBar) -> None:
        bar(1200, 5000)
        bar.cancel()
        await asyncio.Event().wait()

    with pytest.raises(Cancelled, match=r"load was cancelled at 1,200 of 5,000: nothing was done") as caught, \
            ProgressBar("load") as bar:
        bridge.run(cancelled(bar))
    assert (caught.value.verb, caught.value.done, caught.value.total) == ("load", 1200, 5000)


def test_what_stands_still_around_another_call_is_cancelled(bridge: Bridge) -> None:
    """A command whose handler runs another verb and waits for it is cancelled through that one."""
    ended: list[str] = []

    async def within(bar: ProgressBar) -> None:
        bar.cancel()
        try:
            await asyncio.sleep(30)
            ended.append("it was waited for")
        except asyncio.CancelledError:
            ended.append("within")
            raise

    async def around(bar: ProgressBar) -> None:
        try:
            bridge.run(within(bar))
        finally:
            ended.append("around")

    with pytest.raises(Cancelled), ProgressBar("issue") as bar:
        bridge.run(around(bar), begun=bar.begin)
    assert ended == ["within", "around"]


def test_a_cancel_that_comes_too_late_does_nothing(bridge: Bridge) -> None:
    """Once the verb is back there is nothing to cancel; another one's cancellation stays what it is."""
    with ProgressBar("load") as bar:
        bridge.run(count(bar))
        bar.cancel()
    bar.cancel()
    assert not bar.cancelled

    async def ended() -> Any:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError), ProgressBar("load") as bar:
        bridge.run(ended())
