# make demo | test | test-all | simulate | screenshots | lint | lock | help: everything installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Half as many again as there are cores: many tests wait for processes and sockets.
JOBS := $(shell echo $$(( ($$(nproc 2>/dev/null || echo 2) * 3 + 1) / 2 )))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Compiled once and kept: many checks start an interpreter of their own, whatever the environment says of bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo test test-core test-all lint bench simulate screenshots lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 12

# The locks hold hashes and no addresses, so plain pip takes them from whatever index it is set up for.
$(VENV)/.run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the bot needs into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing what the checks need into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/.run  ## makes .venv/bin/switchover

demo: $(VENV)/.run  ## the sandbox: the real bot, a small Slack in the browser, simulated clouds to break
	@$(BIN)/switchover demo

lint: $(VENV)/.dev  ## formatting, lint, types, import contracts, dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

# Lint and the core keep one core of the machine busy each, so they run beside each other.
test: $(VENV)/.dev  ## everything the project checks, in about 6 minutes on 2 cores
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint test-core
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal -m "not slow" --ignore=tests/core --hypothesis-profile=quick

test-core: $(VENV)/.dev  ## the pure core, which its own tests cover whole
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q tests/core
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include='bot/core/*,bot/errors.py' --fail-under=100

test-all: lint  ## the same with the long sweeps, and the coverage of everything
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal --timeout=900 --cov --cov-report=term

bench: $(VENV)/.dev  ## ratios measured side by side in one run
	@$(BIN)/python -m tests.bench.ack
	@$(BIN)/python -m tests.bench.clouds

SEEDS ?= 200
START ?= 0
simulate: $(VENV)/.dev  ## SEEDS histories of the whole bot on virtual time; SEED=k plays one again and tells it
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --start $(START) $(if $(SEED),--seed $(SEED)) $(if $(STORE),--store $(STORE)) $(if $(MODE),--mode $(MODE)) $(if $(MUTANT),--mutant $(MUTANT))

screenshots: $(VENV)/.dev  ## the pictures in docs/images, taken anew of the sandbox in Chromium
	@SWITCHOVER_SCREENSHOTS=docs/images $(BIN)/pytest -q tests/browser/test_screenshots.py

lock:  ## renew the hashed locks (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml requirements/build.in -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml requirements/build.in --group dev -c requirements/run.txt -o requirements/dev.txt

clean:  ## removes what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info .coverage*
