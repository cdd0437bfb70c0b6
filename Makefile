# Two commands matter: `make demo` and `make test`. Both set everything up from a fresh clone with python3 and make alone.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOB ?= examples/range_test_digits.json
# Two test files at once. What starts whole services is held to seconds, but passes beside another file too: the limits leave room.
SIDE_BY_SIDE := -n 2 --dist loadfile
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup demo up check fast test test-long bench bench-peers bench-quick regret reproduce lock

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make .venv and install the locked dependencies

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "lrsearch needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m uv pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements/dev.lock
	@$(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Embedded service, one range test on real data over HTTP, bounds and plot (JOB=examples/...json)
	@$(BIN)/lrsearch demo $(JOB)

up: setup ## The embedded service in the foreground
	@$(BIN)/lrsearch up

check: setup ## Format, lint, types, import contracts, fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory fast

fast: setup ## The tests that need neither TensorFlow nor servers
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not tensorflow and not service and not long" tests

test: check ## Everything: check, then all tests but the long ones
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "(tensorflow or service) and not long" tests/unit tests/contract
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "(tensorflow or service) and not long" tests/integration tests/faults tests/e2e

test-long: setup ## Full products, fuzz, chaos
	@$(BIN)/pytest -m long tests

bench: setup ## Performance as ratios, written to docs/benchmarks.md (python -m benchmarks NAME for one section)
	@$(BIN)/python -m benchmarks

bench-quick: setup ## A little of every benchmark, to see whether it runs; writes nothing
	@$(BIN)/python -m benchmarks --quick

bench-peers: setup .venv-peers/.ready ## pytorch-lr-finder and fastai on the same work, in a virtual environment of their own
	@$(BIN)/python -m benchmarks peers

# pip, not uv: it also looks where PIP_FIND_LINKS points, so that a machine may offer PyTorch's small build for CPUs
.venv-peers/.ready: requirements/peers.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@echo "Installing PyTorch and its range tests into .venv-peers (some 2 GB) ..."
	@.venv-peers/bin/python -m pip install -q -r requirements/peers.txt
	@touch $@

regret: setup ## The regret benchmark from its stored measurements (python -m benchmarks.regret --measure trains anew)
	@$(BIN)/python -m benchmarks.regret

reproduce: setup ## Run the published studies again, written to docs/reproductions.md (some minutes)
	@$(BIN)/python -m benchmarks.reproduce

lock: setup ## Recompile requirements/*.lock from pyproject.toml
	@$(BIN)/python -m uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 --extra cpu --extra dev pyproject.toml -o requirements/dev.lock
	@$(BIN)/python -m uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 --extra cpu pyproject.toml -o requirements/cpu.lock
	@$(BIN)/python -m uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 --extra gpu pyproject.toml -o requirements/gpu.lock
