# Two commands to begin with: `make demo` and `make test`. Both set up .venv first.

# Without a GPU: `make setup TORCH_INDEX=...` with the address of PyTorch's own "CPU" index (see its install page).

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
VLLM_VENV := .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.set-up
VLLM_INSTALL := $(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
NEW_ENOUGH := import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	"Python 3.11 or newer is needed; name one: make PYTHON=python3.12")

.PHONY: help setup demo compare-demo test test-ray setup-vllm test-vllm served lint format examples readme benchmarks zoo agreement clean

help:
	@echo "make demo    set up, then a real search on the embedded zoo: two minutes on two cores with bfloat16, six without"
	@echo "make compare-demo             all methods on the embedded zoo, with fewer evaluations than a search has"
	@echo "make test    set up, then the whole CPU test suite"
	@echo "make test-ray    set up, then the tests that start a Ray cluster on this machine, some minutes"
	@echo "make test-vllm   set up an environment with vLLM's build for processors, then the tests of that engine"
	@echo "make lint    formatting, lint, types and import contracts"
	@echo "make served  the judge against a real server: transformers serve with the zoo's base, one or two minutes"
	@echo "make examples, make readme    run the examples, and the README's commands"
	@echo "make benchmarks               the demo over five seeds (about fifteen minutes)"
	@echo "make zoo                      build the zoo from its seed on a GPU, and compare it with the committed one"
	@echo "make agreement                the same search on processor and GPU in float32: how many answers agree"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(PYTHON) -c '$(NEW_ENOUGH)' && $(PYTHON) -m venv $(VENV); }
	@echo "setting up $(VENV): torch first (200 MB for a processor alone, some GB for a GPU), then the rest"
	@$(INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch numpy
	@$(INSTALL) --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/modelswarms demo

# fewer evaluations than a search has, so that two cores do it in forty minutes
compare-demo: setup
	@$(BIN)/modelswarms compare --evaluations 100 --out runs/compare-demo $(ARGS)

test: setup
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

served: setup
	@OMP_NUM_THREADS=2 $(BIN)/python -m pytest -m slow tests/utilities/test_judge_served.py $(ARGS)

test-ray: setup
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray $(ARGS)

# vLLM has an environment of its own, because it needs older releases of some packages; see docs/vllm.md.
$(VLLM_STAMP): pyproject.toml constraints-vllm.txt
	@$(VLLM_VENV)/bin/python -m pip --version >/dev/null 2>&1 || { $(PYTHON) -c '$(NEW_ENOUGH)' && $(PYTHON) -m venv $(VLLM_VENV); }
	@echo "setting up $(VLLM_VENV): torch for processors, then vLLM"
	@$(VLLM_INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 'torch==2.13.0' 'numpy==2.3.5'
	@$(VLLM_INSTALL) --no-deps --requirement constraints-vllm.txt
	@$(VLLM_INSTALL) --no-deps --editable .
	@touch $@

setup-vllm: $(VLLM_STAMP)

test-vllm: setup-vllm
	@OMP_NUM_THREADS=1 $(VLLM_VENV)/bin/python -m pytest -m vllm tests/engines/test_vllm.py $(ARGS)

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

zoo: setup
	$(BIN)/python -m modelswarms.zoo.build --out zoo_build
	$(BIN)/python benchmarks/zoo_rebuild.py zoo_build

agreement: setup
	$(BIN)/python benchmarks/agreement.py --one cpu --other cuda

clean:
	rm -rf $(VENV) $(VLLM_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
