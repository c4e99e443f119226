# `make` alone lists what there is.  Everything is installed into .venv, from the lock files with
# hashes; stamp files make a second run instant.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
PYTEST := $(BIN)/python -m pytest

# Downloads (Kafka, the peers' environments) are kept in .cache; it can be deleted at any time.
export PANTAU_CACHE ?= $(CURDIR)/.cache

.PHONY: help
help: ## Show this list
	@echo "Pantau: make <target>"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(RUNTIME) ## Watch real loan decisions go wrong: the whole agent, no Kafka, no cluster
	@$(MAKE) --no-print-directory evidence || echo "Evidently cannot be installed: the demo goes on without a report." >&2
	@python="$${PANTAU_EVIDENCE__PYTHON:-$(EVIDENTLY)/bin/python}"; \
	if [ -x "$$python" ]; then export PANTAU_EVIDENCE__PYTHON="$$python"; fi; \
	$(BIN)/pantau demo

# Evidently needs pandas below 3, and never shares a process with the agent: it has its own.
EVIDENTLY := $(PANTAU_CACHE)/evidently
export PANTAU_EVIDENCE__PYTHON ?= $(wildcard $(EVIDENTLY)/bin/python)
ifeq ($(PANTAU_EVIDENCE__PYTHON),)
unexport PANTAU_EVIDENCE__PYTHON
endif

# By content: every clone writes the lock anew, and the cache may be shared.
ifneq ($(shell cmp -s benchmarks/evidently.lock '$(EVIDENTLY)/.complete' && echo same),same)
.PHONY: $(EVIDENTLY)/.complete
endif

.PHONY: evidence
evidence: $(EVIDENTLY)/.complete ## Install Evidently beside, for reports of breaches (300 MB)

$(EVIDENTLY)/.complete: | $(BIN)/python
	@echo "Installing Evidently into $(EVIDENTLY) ..." >&2
	@$(BIN)/python -m venv --clear $(EVIDENTLY)
	@$(EVIDENTLY)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r benchmarks/evidently.lock
	@cp benchmarks/evidently.lock $@

.PHONY: test
test: lint ## Everything that is quick: lint, types, import rules, unit to integration tests
	@$(BIN)/python -m tests.real.prepare reader kafka otlp evidently
	$(PYTEST) -m "not slow"

.PHONY: test-long
test-long: $(DEV) ## What takes longer: kill -9 loops, faults, the built wheel
	@$(BIN)/python -m tests.real.prepare
	$(PYTEST) -m slow

.PHONY: lint
lint: $(DEV) ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(DEV) ## Let ruff mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(DEV) ## Measure speed and memory beside the peers; writes docs/performance.md
	$(BIN)/python -m benchmarks.run

.PHONY: bench-audit
bench-audit: $(DEV) ## Measure the audit log beside SQLite and plain fsync; writes docs/audit.md
	$(BIN)/python -m benchmarks.audit

.PHONY: setup
setup: $(DEV) ## Install what developers need into .venv

# The locks hold for every supported Python (markers inside) and name no index.
UV := $(VENV)/.lock/bin/uv
LOCK := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-config --quiet --upgrade
.PHONY: lock
lock: $(UV) ## Pin the newest versions again in requirements.lock and requirements-dev.lock
	$(LOCK) --extra demo --extra build -o requirements.lock
	$(LOCK) --extra demo --extra build --extra dev -c requirements.lock -o requirements-dev.lock

.PHONY: clean
clean: ## Remove .venv and what tools left behind (the downloads in .cache stay)
	rm -rf $(VENV) build dist native/target collectors/decoders/_columns.abi3.so .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Pantau needs Python 3.11 or newer; none was found. Install it, or run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

$(RUNTIME): requirements.lock pyproject.toml hatch_build.py $(wildcard native/Cargo.toml native/src/*.rs) | $(BIN)/python
	@echo "Installing Pantau into $(VENV) (once; a minute or so) ..." >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@$(BIN)/python hatch_build.py
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME) | $(BIN)/python
	@echo "Installing the developers' tools into $(VENV) (once; a minute or so) ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(UV): | $(BIN)/python
	@$(BIN)/python -m venv $(VENV)/.lock
	@$(VENV)/.lock/bin/python -m pip --disable-pip-version-check --quiet install uv
