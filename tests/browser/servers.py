"""A Jupyter server under the hand of a test, on loopback: JupyterLab, with Notebook 7 and Voila as its extensions.

All Jupyter folders lie in the folder given, so that nothing of the machine's own settings is read or written.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ARGUMENTS = (
    "lab", "--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--allow-root", "--IdentityProvider.token=",
    "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True", "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True")
# No news from the network, and all cells drawn, those out of sight too.
SETTINGS = {"apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
            "notebook-extension/tracker": '{"windowingMode": "none"}'}


@contextmanager
def served(root: Path, folder: Path, dsn: str) -> Iterator[str]:
    """The address of a server on the notebooks in ``root``; its kernels open workbenches on ``dsn``."""
    for name, setting in SETTINGS.items():
        file = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(setting)
    variables = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
                 "IPYTHONDIR": "ipython"}
    environment = {**os.environ, **{name: str(folder / value) for name, value in variables.items()},
                   "PYTHONPATH": str(REPOSITORY), "WORKBENCH_DSN": dsn}
    port = _free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", *ARGUMENTS, f"--port={port}", f"--ServerApp.root_dir={root}"],
            env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=root)
        try:
            _wait_for(port, process, Path(log.name))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
    raise AssertionError(f"the server did not come up:\n{log.read_text()[-3000:]}")
