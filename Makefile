# Two commands to begin with: `make demo` and `make test`. Both set up .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

.PHONY: help setup demo test lint format examples readme benchmarks clean

help:
	@echo "make demo    set up, then a real search on the embedded zoo, about two minutes on two cores"
	@echo "make test    set up, then the whole CPU test suite"
	@echo "make lint    formatting, lint, types and import contracts"
	@echo "make examples, make readme    run the examples, and the README's commands"
	@echo "make benchmarks               the demo over five seeds (about fifteen minutes)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV): torch first (about 200 MB), then the rest"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch numpy
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/modelswarms demo

test: setup
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

examples: setup
	@for example in examples/*.py; do echo "$$example"; $(BIN)/python $$example || exit 1; done

readme: setup
	@$(BIN)/python .ci/readme.py README.md

benchmarks: setup
	$(BIN)/python benchmarks/demo_seeds.py --seeds 0 1 2 3 4

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
