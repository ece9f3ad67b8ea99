# Everything the project can do, one word each. A target makes the virtual environment when it is missing, and brings it
# up to date when pyproject.toml or constraints.txt have changed. `make PYTHON=python3.12 test` works in a .venv-3.12 of
# its own; ARGS goes to the program: `make test ARGS="-k plan -x"`.

SUPPORTED := 3.11 3.12 3.13
VERSION   := import sys; print("%d.%d" % sys.version_info[:2])
version_of = $(shell $(1) -c '$(VERSION)' 2>/dev/null)

ifdef PYTHON
VENV   ?= .venv-$(call version_of,$(PYTHON))
else
PYTHON := $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(if $(filter $(SUPPORTED),$(call version_of,$(p))),$(p))))
VENV   ?= .venv
endif

BIN   := $(VENV)/bin
READY := $(VENV)/ready

# Tests run in as many processes as there are cores, up to four, each with a Postgres of its own; those that are left over
# go to whoever is done. ARGS="-n 0" runs them in one, in their order.
WORKERS := -n logical --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install lab tour test check bench lessons

help:      ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

install: $(READY)  ## the virtual environment alone, which all others make too

lab: $(READY)      ## JupyterLab on notebooks/
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS) notebooks

tour: $(READY)     ## the first lesson, run here and now, its outputs in the terminal
	@$(BIN)/python notebooks/run.py --show notebooks/01_*.ipynb

test: $(READY)     ## all tests, on a real Postgres and in real kernels
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

check: $(READY)    ## lint, types, floors
	@failed=0; for tool in "ruff check ." mypy "lint-imports --no-logo"; do echo "== $$tool"; $(BIN)/$$tool || failed=1; done; exit $$failed

bench: $(READY)    ## every tests/benchmarks/bench_*.py
	@set -e; for script in tests/benchmarks/bench_*.py; do \
	    test -e "$$script" || { echo "There is no tests/benchmarks/bench_*.py to run." >&2; exit 1; }; \
	    echo "== $$script"; $(BIN)/python "$$script" $(ARGS); \
	done

lessons: $(READY)  ## every lesson in a kernel; KEEP=1 writes the outputs into the notebooks
	$(BIN)/python notebooks/run.py $(if $(KEEP),--keep) notebooks/*.ipynb

# The constraints go by the environment, not by -c: so they also hold for what builds SQLAlchemy 1.3 and ourselves
# (pip before 25.3 reads the first name there, later ones the second).
$(READY): $(BIN)/python pyproject.toml constraints.txt
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e '.[lab,dev]'
	@touch $@

# Debian's python3 has `venv` but no `ensurepip` until python3-venv is installed; its own error names neither cause nor cure.
$(BIN)/python:
	@case " $(SUPPORTED) " in *" $(call version_of,$(PYTHON)) "*) ;; *) \
	    echo "Python 3.11, 3.12 or 3.13 is needed; found: $(or $(call version_of,$(PYTHON)),none)$(if $(PYTHON), ($(PYTHON)))." >&2; \
	    echo "On Debian: apt-get install python3 python3-venv; or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1;; esac
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make a virtual environment: its ensurepip is missing." >&2; \
	    echo "On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
