# The one list of commands; CI uses the same ones. `make` or `make help` explains each.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(VENV)/.run proto ## set up what is missing, start the server, print what to open
	@$(BIN)/python scripts/web.py build || echo "starting the server with the web client as it was built before, if it was"
	@$(BIN)/resonance serve

test: dev ## run every suite (long matrices: make soak)
	@$(BIN)/python scripts/suites.py

test-fast: dev ## run what takes seconds
	@$(BIN)/pytest -q -n 2 -m "not slow and not faults and not postgres and not mariadb and not web and not etcd and not redis and not kafka and not cluster" tests

engines: ## install the servers and the browser that the tests start (Debian packages, and jars through Maven; needs root)
	@scripts/engines.sh

check: dev ## lint, types, layers and contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint
	@$(BIN)/python scripts/web.py check

web: $(VENV)/.run ## build the web client, if it is not as its sources are
	@$(BIN)/python scripts/web.py build

web-dev: $(VENV)/.run ## serve the web client with hot reload, for a server that runs beside it (RESONANCE_URL)
	@$(BIN)/python scripts/web.py dev

pictures: dev ## make the README's pictures of the web client anew
	@$(BIN)/python -m tests.web.pictures

format: dev ## rewrite the code in the project's format
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .
	@$(BIN)/python scripts/web.py format

proto: $(VENV)/.run ## generate code from the contracts in proto/
	@$(BIN)/python scripts/proto.py 2>/dev/null || $(BIN)/python scripts/proto.py

cluster: dev ## run a local cluster on real engines until Ctrl-C (ARGS="--repo remote --logics 3"; needs make engines)
	@$(BIN)/python scripts/cluster.py $(ARGS)

bench: $(VENV)/.run proto ## measure the server (ARGS: see resonance bench --help; ENGINE=postgres|mysql|kafka|cluster: over real engines; ENGINE=move: migrate-store)
	@if [ -z "$(ENGINE)" ]; then $(BIN)/resonance bench $(ARGS); else $(MAKE) -s dev && $(BIN)/python scripts/bench.py $(ENGINE) $(ARGS); fi

soak: dev ## run the long matrices: faults and properties with many more rounds
	@RESONANCE_SOAK=1 $(BIN)/pytest -q -p no:cacheprovider --timeout 7200 tests/faults tests/unit tests/contract

lock: $(VENV)/.uv ## resolve the dependencies anew and write the two lock files
	@$(BIN)/uv lock -q --upgrade
	@$(BIN)/uv export -q --no-header --no-emit-project --no-default-groups --group build -o requirements.lock >/dev/null
	@$(BIN)/uv export -q --no-header --no-emit-project --all-groups -o requirements-dev.lock >/dev/null

clean: ## remove the environment and everything generated; data/ stays
	@rm -rf $(VENV) src/resonance/_proto src/resonance/_web web/node_modules web/src/gen tests/web/screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- environments

dev: $(VENV)/.dev proto web

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check "uv>=0.13,<0.14"
	@touch $@

# The development environment holds all of the runtime's, so having it is enough to run.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/.uv
	@test -f $(VENV)/.dev || { echo "installing the runtime"; $(BIN)/uv pip install -q --compile-bytecode --require-hashes -r requirements.lock; }
	@$(BIN)/uv pip install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "installing the tools for development"
	@$(BIN)/uv pip install -q --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: help web web-dev pictures run test test-fast engines check format proto bench soak lock clean dev
