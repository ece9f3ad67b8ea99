"""A real Jupyter kernel under the hand of a test.

    with Kernel.started(tmp_path) as kernel:
        kernel.execute("1 + 1").value                   # "2"
        kernel.queue(["a = 1", "a += 1", "a"])          # sent at once, as "Run All" does
        kernel.click(model_id, subshell=kernel.subshell())

A `Kernel` speaks the message protocol itself and files what comes back by the request it answers, so that requests can
be under way at the same time; a `Cell` is what one request brought. nbclient sends one cell at a time and knows no
subshells: it sees neither of the faults that this is for. All Jupyter folders lie in the folder given."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


class CellFailed(AssertionError):
    """A cell that should have run raised; the text is the kernel's traceback."""


@dataclass
class Cell:
    """What one request brought: printed text, the last expression, shown bundles, the error, all messages in order."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] | None = None

    def contents(self, kind: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.messages if message["msg_type"] == kind]

    @property
    def text(self) -> str:
        """All that was printed, also to stderr."""
        return "".join(content["text"] for content in self.contents("stream"))

    @property
    def data(self) -> dict[str, Any]:
        """The mime bundle of the cell's last expression; empty when it has none."""
        results = self.contents("execute_result")
        return dict(results[0]["data"]) if results else {}

    @property
    def value(self) -> str | None:
        """The plain text of the cell's last expression."""
        return self.data.get("text/plain")

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The mime bundles that `display` sent."""
        return [content["data"] for content in self.contents("display_data")]

    @property
    def error(self) -> str | None:
        """The name of the exception that ended it."""
        errors = self.contents("error")
        return str(errors[0]["ename"]) if errors else None

    @property
    def traceback(self) -> str:
        return "\n".join(line for content in self.contents("error") for line in content["traceback"])

    @property
    def ended(self) -> bool:
        idle = any(content["execution_state"] == "idle" for content in self.contents("status"))
        return idle and self.reply is not None


class Kernel:
    """A running kernel; its methods wait for the answer unless they say otherwise."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, stacks: Path, *, patience: float) -> None:
        self._manager, self._client, self._stacks, self._patience = manager, client, stacks, patience
        self._cells: dict[str, Cell] = {}
        self.execute(f"import faulthandler as _f, signal as _s\n_stacks = open({str(stacks)!r}, 'w')\n"
                     "_f.register(_s.SIGUSR1, file=_stacks)")
        info = client.kernel_info(reply=True, timeout=patience)["content"]
        self._subshells = "kernel subshells" in info.get("supported_features", [])

    @classmethod
    @contextmanager
    def started(cls, folder: Path, *, env: dict[str, str] | None = None, patience: float = 60) -> Iterator[Kernel]:
        """A fresh kernel of this Python that imports workbench from the repository; ended on leaving.

        `env` is added to its environment; `patience` is how many seconds each wait may take."""
        folders = {name: str(folder / name.lower()) for name in FOLDERS}
        manager = KernelManager(connection_file=str(folder / "kernel.json"))
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="test", language="python", interrupt_mode="signal")
        manager.start_kernel(
            cwd=str(folder), env={**os.environ, **folders, "PYTHONPATH": str(REPOSITORY), **(env or {})})
        client = manager.client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=patience)
            yield cls(manager, client, folder / "stacks.txt", patience=patience)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()

    def execute(self, code: str, *, fails: bool = False) -> Cell:
        """Runs a cell; a `CellFailed` carries its traceback unless it was meant to fail."""
        return self.queue([code], fails=fails)[0]

    def queue(self, codes: Sequence[str], *, fails: bool = False) -> list[Cell]:
        """Sends all cells before the first has run, then waits for all of them."""
        cells = [self.wait(sent) for sent in [self.send(code) for code in codes]]
        for cell in cells:
            if cell.error and not fails:
                raise CellFailed(cell.traceback)
        return cells

    def send(self, code: str) -> str:
        """Sends a cell and does not wait; `until` and `wait` take what it returns."""
        sent = self._client.execute(code, stop_on_error=False)
        self._cells[sent] = Cell()
        return sent

    def wait(self, sent: str) -> Cell:
        return self._until(sent, lambda cell: cell.ended, "ended")

    def until(self, sent: str, text: str) -> Cell:
        """Waits until a cell that is still running has printed the text."""
        return self._until(sent, lambda cell: text in cell.text, f"printed {text!r}")

    def subshell(self) -> str:
        """A new subshell, a thread of the kernel with a loop of its own, as JupyterLab makes for widgets.

        Skips the test on a kernel that knows none (ipykernel 6)."""
        if not self._subshells:
            pytest.skip("this kernel has no subshells")
        message = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(message)
        while True:
            reply = self._client.get_control_msg(timeout=self._patience)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["content"]["status"] == "ok", reply["content"]
                return str(reply["content"]["subshell_id"])

    def click(self, model_id: str, *, subshell: str | None = None) -> Cell:
        """Presses a Button widget and waits until its callbacks have run; in the given subshell or in the main one."""
        return self.wait(self.send_click(model_id, subshell=subshell))

    def send_click(self, model_id: str, *, subshell: str | None = None) -> str:
        return self._comm(model_id, {"method": "custom", "content": {"event": "click"}}, subshell)

    def fill(self, model_id: str, state: dict[str, Any], *, subshell: str | None = None) -> Cell:
        """Sets traits of a widget as its view would, such as `{"value": "Ada"}`."""
        return self.wait(self._comm(model_id, {"method": "update", "state": state, "buffer_paths": []}, subshell))

    def interrupt(self) -> None:
        """What Jupyter's interrupt button does: SIGINT to the kernel's process group."""
        self._manager.interrupt_kernel()

    def _comm(self, model_id: str, data: dict[str, Any], subshell: str | None) -> str:
        message = self._client.session.msg("comm_msg", {"comm_id": model_id, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)
        sent = str(message["header"]["msg_id"])
        self._cells[sent] = Cell(reply={})      # a comm message has no reply, only its idle
        return sent

    def _until(self, sent: str, holds: Callable[[Cell], bool], what: str) -> Cell:
        cell, deadline = self._cells[sent], time.monotonic() + self._patience
        while not holds(cell):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the cell has not {what} in {self._patience} s; it printed {cell.text!r}\n"
                                   f"{self._standing()}")
            self._receive()
        return cell

    def _standing(self) -> str:
        """Where each thread of the kernel stands; for the message of a test that waited in vain."""
        if not self._manager.is_alive():
            return "the kernel is dead"
        self._manager.signal_kernel(signal.SIGUSR1)
        time.sleep(1)
        return self._stacks.read_text()

    def _receive(self) -> None:
        """Files what has come in on both channels; waits a moment on the first."""
        for channel, timeout in ((self._client.iopub_channel, 0.05), (self._client.shell_channel, 0)):
            try:
                while True:
                    message = channel.get_msg(timeout=timeout)
                    cell = self._cells.setdefault(message["parent_header"].get("msg_id", ""), Cell())
                    if channel is self._client.iopub_channel:
                        cell.messages.append(message)
                    else:
                        cell.reply = message["content"]
                    timeout = 0
            except Empty:
                continue
