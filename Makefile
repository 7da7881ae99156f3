# make demo and make test set everything up by themselves; nothing is installed outside .venv (only make slurm does).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
CODE := benchmarks models slurm utils wlasl wlasl_bench.py
# Worker processes of the tests: one more than cores, as tests of jobs mostly wait; at most 4, as each may import both
# frameworks (2 GB).
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n > 3 ? 4 : n + 1)))
DEMO_FLAGS ?= --recipe benchmarks/recipes/sample.toml --set epochs=30
DEMO_RESULTS := runs/demo-results

.PHONY: help demo test slurm lint format readme resolve clean

help: ## say what can be made
	@echo 'make <target>; PYTHON=/path/to/python3.11 chooses the Python (3.10, 3.11 or 3.12). Targets:'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.made-for-demo ## install PyTorch and the benchmark, train on the built-in sample, show the table (under 20 minutes)
	@echo 'make demo: training MoViNet-A3 on the built-in sample takes 10 to 15 minutes on 2 cores.'
	$(BIN)/bench run --model movinet-a3 --split sample --results $(DEMO_RESULTS) $(DEMO_FLAGS)

test: $(VENV)/.made-for-test lint ## install everything, check the style, the types and the tables, run the tests (under 25 minutes)
	@echo 'make test: the tests take about 15 minutes on 2 cores.'
	@$(BIN)/bench table --check
	@OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-fail-under=90 $(PYTEST_FLAGS)

slurm: ## start a Slurm of two nodes on this machine for the tests (root, Debian or Ubuntu; .ci/slurm stop ends it)
	@.ci/slurm start

lint: $(VENV)/.made-for-test ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict $(CODE)

format: $(VENV)/.made-for-test ## let ruff format the code and mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

readme: $(VENV)/.made-for-test ## write the generated parts of results/README.md and README.md
	@$(BIN)/bench table > /dev/null
	@$(BIN)/python .ci/readme.py

resolve: $(VENV)/.made-for-test ## show what pip would install for each extra alone and for all together (minutes, network)
	@$(BIN)/python .ci/resolve.py

clean: ## remove .venv and the tools' caches; data/, runs/ and results/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@.ci/make-venv $(VENV) $(PYTHON)

$(VENV)/.made-for-demo: pyproject.toml | $(BIN)/python
	@echo 'make demo: installing PyTorch and the benchmark into $(VENV): 1 to 5 minutes, 1.4 GB (with CUDA 6 GB).'
	@$(BIN)/python -m pip install --quiet --editable '.[torch]'
	@touch $@

$(VENV)/.made-for-test: pyproject.toml | $(BIN)/python
	@echo 'make test: installing PyTorch, TensorFlow and the tools into $(VENV): 2 to 10 minutes, 5 GB (with CUDA 10 GB).'
	@$(BIN)/python -m pip install --quiet --editable '.[torch,tensorflow,vit,slurm,tune,formats,export,dev]'
	@touch $@
