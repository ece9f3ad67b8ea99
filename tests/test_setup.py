"""The set-up says the same everywhere: pyproject, constraints, environment.yml, Makefile, and what the pages say."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
TARGETS = ["install", "lab", "tour", "test", "check", "bench", "lessons"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def direct_requirements() -> list[str]:
    return PROJECT["dependencies"] + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]


def make(*words: str) -> subprocess.CompletedProcess[str]:
    # An outer `make test` hands its own PYTHON, VENV and flags down by the environment.
    outer = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "PYTHON", "VENV"}
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=inherited, capture_output=True, text=True, timeout=60, check=False
    )


def program(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


# constraints.txt


@pytest.mark.parametrize("line", direct_requirements())
def test_every_direct_dependency_is_pinned_within_its_range(line):
    """constraints.txt pins each dependency of pyproject, to a version that pyproject allows."""
    wanted = Requirement(line)
    pinned = {canonicalize_name(pin.partition("==")[0]): pin.partition("==")[2] for pin in PINS}
    assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)])


@pytest.mark.parametrize("pin", PINS)
def test_a_pin_is_a_name_and_a_version(pin):
    """constraints.txt names no host, path, marker or option, so that it holds wherever packages come from."""
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*", pin)


def test_no_package_is_pinned_twice():
    """constraints.txt has one version of each package."""
    names = [canonicalize_name(pin.partition("==")[0]) for pin in PINS]
    assert sorted(set(names)) == sorted(names)


# environment.yml


def test_environment_is_named_after_the_distribution():
    """`conda activate` takes the name that pip knows."""
    assert ENVIRONMENT["name"] == PROJECT["name"]


def test_environment_allows_the_same_pythons():
    """environment.yml and pyproject agree on the Pythons that work."""
    (python,) = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str) and line.startswith("python")]
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])


def test_environment_installs_what_make_installs():
    """conda adds pip and this project with every extra, at the tested versions; it lists no dependency of its own."""
    extras = ",".join(PROJECT["optional-dependencies"])
    *plain, by_pip = ENVIRONMENT["dependencies"]
    assert [re.match(r"[a-z]+", line)[0] for line in plain] == ["python", "pip"]
    assert by_pip == {"pip": ["-c constraints.txt", f"-e .[{extras}]"]}
    assert f"-e '.[{extras}]'" in (ROOT / "Makefile").read_text()


# Makefile


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_target_that_a_page_names_exists(page):
    """A `make word` in the pages is a target of the Makefile."""
    code = re.findall(r"`[^`]*`|^    .*", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"(?<!install )\bmake (?:[A-Z]+=\S+ )*([a-z]+)", "\n".join(code)))
    assert named
    assert named <= set(TARGETS)


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_each_target_makes_the_environment_first(target, tmp_path):
    """Any target, on a fresh clone, makes the virtual environment and installs the project with the constraints."""
    done = make("--dry-run", target, f"PYTHON={sys.executable}", f"VENV={tmp_path}/venv")
    assert done.returncode == 0, done.stderr
    assert f"-m venv --clear {tmp_path}/venv" in done.stdout
    assert "PIP_CONSTRAINT=constraints.txt" in done.stdout


@needs_make
def test_a_named_python_gets_an_environment_of_its_own():
    """`make PYTHON=…` does not touch the .venv of another Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f".venv-{version}/bin/python -m pytest" in make("--dry-run", "test", f"PYTHON={sys.executable}").stdout


@needs_make
def test_tests_run_on_all_cores_unless_asked_otherwise():
    """`make test` has a worker for each core, four at most; what ARGS says comes after that, and so holds."""
    told = make("--dry-run", "test", "ARGS=-n 0 -x").stdout
    assert "-m pytest -n logical --maxprocesses 4 --dist worksteal -n 0 -x\n" in told


@needs_make
def test_a_debian_without_venv_is_told_what_to_install(tmp_path):
    """Where ensurepip is missing, the error is the apt-get line."""
    body = f'case "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"'
    done = make("test", f"PYTHON={program(tmp_path / 'python3', body)}", f"VENV={tmp_path}/venv")
    assert done.returncode != 0
    assert "its ensurepip is missing" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


@needs_make
@pytest.mark.parametrize(("body", "found"), [("echo 3.9", "found: 3.9"), ("exit 127", "found: none")])
def test_an_unsupported_python_is_refused_by_its_version(tmp_path, body, found):
    """A Python too old, or one that does not start, is named before anything is installed."""
    python = program(tmp_path / "python3", body)
    done = make("test", f"PYTHON={python}", f"VENV={tmp_path}/venv")
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert found in done.stderr
    assert str(python) in done.stderr


# .ci/run


@pytest.fixture
def ci(tmp_path):
    """Runs .ci/run with stand-ins for the machine: its packages, its Pythons, and a `make` whose body is given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs / "dpkg", "exit 0")
    program(programs / "dpkg-query", "printf installed")
    for version in ("3.11", "3.12", "3.13"):
        program(programs / f"python{version}", "exit 0")

    def run(make_body: str) -> subprocess.CompletedProcess[str]:
        program(programs / "make", make_body)
        environment = {**{name: os.environ[name] for name in ("PYTHONDONTWRITEBYTECODE",) if name in os.environ},
                       "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "CI": "true"}
        command = ["bash", str(ROOT / ".ci/run")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_ci_checks_once_and_tests_every_python(ci):
    """The checks and the tests in a browser run on the first Python only, the other tests on all; the last line is
    pytest's summary."""
    done = ci('echo "asked: $*"; echo "===== 3 passed in 0.10s ====="')
    assert done.returncode == 0, done.stderr
    asked = [line for line in done.stdout.splitlines() if "asked:" in line]
    assert sorted(re.search(r"python(\S+) (.*)", line).groups() for line in asked) == [
        ("3.11", "ARGS= check test"),
        ("3.12", "ARGS=--ignore=tests/browser test"),
        ("3.13", "ARGS=--ignore=tests/browser test"),
    ]
    assert done.stdout.splitlines()[-1] == "===== 3 passed in 0.10s ====="


def test_ci_makes_all_environments_before_any_test(ci, tmp_path):
    """The environment of each Python is asked for before the first test, and what that says is no part of the log."""
    done = ci(f'echo "$*" >> "{tmp_path}/asked"; echo "=== 3 passed in 0.10s ==="')
    asked = (tmp_path / "asked").read_text().splitlines()
    assert sorted(re.search(r"python(\S+) (.*)", line).groups() for line in asked[:3]) == [
        ("3.11", "install"), ("3.12", "install"), ("3.13", "install")]
    assert [line.endswith("test") for line in asked] == [False] * 3 + [True] * 3
    assert done.stdout.count("3 passed") == 6      # told as it comes, and again at the end


def test_ci_tests_the_later_pythons_side_by_side(ci, tmp_path):
    """When the first Python is done, the others run at the same time, each line of theirs marked with its version."""
    done = ci(f"""cd "{tmp_path}"
case "$*" in
*install) exit;;
*3.12*) touch 12; other=13;;
*3.13*) touch 13; other=12;;
*) sleep 0.1; touch first; echo "first: $(ls)"; exit;;
esac
for _ in $(seq 500); do if [ -e $other ]; then echo "first: $(ls first)"; exit; fi; sleep 0.01; done
exit 1""")
    assert re.findall(r"Python (\S+): make .*(passed|failed)$", done.stdout, re.MULTILINE) == [
        ("3.11", "passed"), ("3.12", "passed"), ("3.13", "passed")]
    assert "\nfirst: bin\nfirst\n" in done.stdout
    assert "3.12 | first: first" in done.stdout
    assert "3.13 | first: first" in done.stdout


def test_ci_lets_python_keep_what_it_compiles(ci, monkeypatch):
    """Where the machine's Python is told to compile everything anew each time, the tests' is not."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    done = ci('echo "kept: ${PYTHONDONTWRITEBYTECODE-yes}"; echo "=== 3 passed in 0.10s ==="')
    assert done.stdout.count("kept: yes") == done.stdout.count("kept: ") == 3


def test_ci_fails_when_one_python_fails_and_says_so_last(ci):
    """A failure on one Python is the exit code and the last summary, also when later Pythons pass."""
    done = ci(
        'case "$*" in\n'
        '*3.12*) echo "=== 1 failed, 2 passed in 61.00s (0:01:01) ==="; exit 2;;\n'
        '*) echo "=== 3 passed in 0.10s ===";;\nesac'
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "== Python 3.12: make test failed",
        "=== 1 failed, 2 passed in 61.00s (0:01:01) ===",
    ]


def test_ci_fails_when_nothing_was_collected(ci):
    """pytest's exit 5 (no tests) reaches the exit code."""
    done = ci('echo "=== no tests ran in 0.01s ==="; exit 5')
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "=== no tests ran in 0.01s ==="


def test_ci_says_when_pytest_did_not_finish(ci):
    """A run that ends before pytest's summary is a failure in words."""
    done = ci("exit 2")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "== pytest did not finish =="


def test_ci_installs_only_the_debian_packages_that_are_missing(ci, tmp_path):
    """As root apt-get is asked for what is missing and for nothing else; another user is told the line."""
    program(tmp_path / "bin" / "dpkg-query", 'case "$*" in *python3-venv) exit 1;; *) printf installed;; esac')
    program(tmp_path / "bin" / "apt-get", 'echo "apt-get $*"')
    done = ci('echo "=== 3 passed in 0.10s ==="')
    assert done.returncode == 0, done.stderr
    if os.geteuid() == 0:
        asked = [line for line in done.stdout.splitlines() if line.startswith("apt-get")]
        assert asked == ["apt-get update -qq", "apt-get install -qq --yes --no-install-recommends python3-venv"]
    else:
        assert "only root can install (apt-get install python3-venv)" in done.stderr


def test_ci_stops_when_packages_cannot_be_installed(ci, tmp_path):
    """A failing apt-get ends the run before any test, in words."""
    if os.geteuid() != 0:
        pytest.skip("only root installs")
    program(tmp_path / "bin" / "dpkg-query", "exit 1")
    program(tmp_path / "bin" / "apt-get", "exit 100")
    done = ci('echo "=== 3 passed in 0.10s ==="')
    assert done.returncode == 1
    assert "The Debian packages could not be installed." in done.stderr
    assert "passed" not in done.stdout
