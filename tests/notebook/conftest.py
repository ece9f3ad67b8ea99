"""What several tests of the notebook face use: a shell of IPython, a workbench on a bank and its panel, a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.notebook.kernels import Kernel
from tests.state.domains import Clock, Identifiers
from workbench import Workbench
from workbench.examples.bank import bank
from workbench.notebook.bridge import Bridge
from workbench.notebook.panels.panel import Panel


@pytest.fixture
def shell() -> Iterator[Any]:
    """A fresh shell; its history is not kept."""
    InteractiveShell.clear_instance()
    made: Any = InteractiveShell.instance()
    made.history_manager.enabled = False
    yield made
    made.user_ns.clear()
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in which the cell ``SETUP`` of the module has run; all tests of the module share it."""
    with Kernel.started(tmp_path_factory.mktemp("kernel")) as kernel:
        kernel.execute(request.module.SETUP)
        yield kernel


@pytest.fixture
def wb(dsn: str) -> Iterator[Workbench]:
    """A workbench of Ada's on a bank, in a database of its own."""
    with Workbench(bank, dsn=dsn, user="ada") as opened:
        yield opened


@pytest.fixture
def wb_repeating(dsn: str) -> Iterator[Workbench]:
    """The same with a clock and identifiers that are alike in every run."""
    with Workbench(bank, dsn=dsn, user="ada", clock=Clock(), identifiers=Identifiers()) as opened:
        yield opened


@pytest.fixture
def panel(wb: Workbench) -> Iterator[Panel]:
    """A panel of ``wb``."""
    panel = Panel(wb)
    yield panel
    panel.close()


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """A bridge with no session on it."""
    bridge = Bridge()
    yield bridge
    bridge.close()
