# Everything a developer or operator does often. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
GOOGLE := $(filter gs:%,$(FILES_BLOBS_URL))$(FILES_NOTIFICATIONS_URL)$(FILES_WEBHOOK_EMAIL)
# Processes of the tests: they often wait, so more than the cores of a small machine.
WORKERS ?= 4
PYTEST := $(BIN)/pytest -n $(WORKERS)
# Tests start hundreds of processes of ours, which would all be compiled again.
export PYTHONDONTWRITEBYTECODE :=
NPM := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/files-service

.PHONY: help install servers run quick test nightly simulate check lint types imports contract bench coverage picture pictures clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make the virtual environment with the pinned packages, test tools too

$(VENV)/.installed: $(VENV)/.runtime
	$(PIP_INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $@

# What `make run` needs. Not compiled ahead: Python compiles what it imports, a fraction of what is installed.
$(VENV)/.runtime: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --no-compile pip 'setuptools<81'
	$(PIP_INSTALL) --no-compile --no-build-isolation --editable '.[redis,couchdb,media]'
	@touch $@

# The libraries of Google are a quarter of the time, so they come when a setting asks for them.
$(VENV)/.gcs: $(VENV)/.runtime
	$(PIP_INSTALL) --no-compile --no-build-isolation --editable '.[gcs]'
	@touch $@

$(VENV)/.s3: $(VENV)/.runtime
	$(PIP_INSTALL) --no-compile --no-build-isolation --editable '.[s3]'
	@touch $@

servers: ## Install what the tests start beside Python (Debian; needs root)
	@PATH=$$PATH:/usr/sbin; for name in chromium curl faketime firefox-esr rabbitmq-server redis-server unzip; do \
	    command -v $$name >/dev/null || exec bash .ci/servers; done; \
	    for name in axe-core pouchdb-server tus-client; do cmp -s .ci/$$name/package-lock.json $(NPM)/$$name/package-lock.json \
	        && [ -e $(NPM)/$$name/node_modules ] || exec bash .ci/servers; done; \
	    cmp -s .ci/ascmhl/requirements.txt $(NPM)/ascmhl/requirements.txt || exec bash .ci/servers

run: $(VENV)/.runtime $(if $(GOOGLE),$(VENV)/.gcs) $(if $(filter s3:%,$(FILES_BLOBS_URL)),$(VENV)/.s3) ## Run the service on its embedded default: no server needed
	@exec $(BIN)/files up

quick: install ## Run the tests that need no server, in a minute
	FILES_TESTS=quick $(BIN)/pytest -n auto -p no:schemathesis -m quick tests/unit tests/adapters tests/docs

test: install servers ## Run all tests; starts what they need by itself
	$(PYTEST)

nightly: install servers ## Run all tests at every point, and the long ones: hours
	FILES_TESTS=nightly $(PYTEST)

simulate: install ## Simulate file nodes: 10 000 seeds, then every planted bug; seed=N prints one history
	$(BIN)/python -m tests.simulation $(if $(seed),--seed $(seed))
	$(if $(seed),,$(BIN)/python -m tests.simulation --plants)

check: install lint types imports test ## All that CI checks

lint: install ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: install ## Types, strictly
	$(BIN)/mypy

imports: install ## Who may import whom
	$(BIN)/lint-imports

picture: install servers ## Take the pictures of the pages for the README and docs/pages.md
	$(BIN)/python -m tests.pages.screenshot

pictures: install servers ## Take pictures of every screen, both themes, phone and desktop; to=FOLDER
	$(BIN)/python -m tests.pages.screenshots $(or $(to),build/pictures)

contract: install ## The contract suites; k=sqlite for one adapter
	$(BIN)/pytest tests/adapters $(if $(k),-k $(k))

bench: install ## Benchmarks beside their peers; writes docs/benchmarks/
	$(BIN)/python -m benchmarks

coverage: install servers ## Branch coverage of the tests
	$(BIN)/coverage run --branch --source=files_service,storage_adapters -m pytest tests/unit tests/adapters
	$(BIN)/coverage report --skip-covered

clean: ## Remove what was built; data is left alone
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
