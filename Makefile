# Everything a developer does. Each target makes the virtual environment first if there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src tests benchmarks examples docs

.PHONY: help demo test test-parts test-others fault lint check docs recording bench clean

help:
	@echo "make demo    run a real parameter study: an epidemic, fitted"
	@echo "make test    run every test"
	@echo "make fault   kill drivers and agents 2,000 times; takes half an hour"
	@echo "make lint    format, lint and types"
	@echo "make check   format, lint, types, layers and unit tests, in a minute or two"
	@echo "make docs    build the documentation in docs/_build/html"
	@echo "make recording   record the study in the README anew"
	@echo "make bench   measure against other tools; takes several minutes"
	@echo "make clean   remove what the other targets made"

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "runsemble needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[pandas,parquet,yaml,plot,samplers]' --group test --group check --group docs
	@touch $@

demo: $(STAMP)
	@rm -rf examples/epidemic/out
	@$(BIN)/python examples/epidemic/study.py --output examples/epidemic/out

# Two halves side by side: most tests wait for processes most of the time.
test: $(STAMP)
	@echo "every test, in two halves side by side; their results follow, in some ten minutes"
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target test-parts test-others

test-parts: $(STAMP)
	@$(BIN)/python -m pytest -q tests/unit tests/integration

test-others: $(STAMP)
	@$(BIN)/python -m pytest -q tests --ignore=tests/unit --ignore=tests/integration

fault: $(STAMP)
	@RUNSEMBLE_FAULT_TIMES=6 $(BIN)/python -m pytest -q tests/fault/ensembles

lint: $(STAMP)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy

check: lint
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q tests/unit tests/property

docs: $(STAMP)
	@$(BIN)/sphinx-build -W -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

recording: $(STAMP)
	@$(BIN)/python docs/recording/record.py

bench: $(STAMP)
	@$(BIN)/python -m pip install --quiet --group bench
	@$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) docs/_build examples/epidemic/out dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
