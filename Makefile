# `make` alone lists what there is. A fresh machine needs python3 (3.11 or newer, with venv), make and git.
# Everything is written inside this folder (.venv/ and var/), but for pip's and uv's download caches.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
LOCKED := .venv/.locked
READY := .venv/.ready
# The servers' packages are apart: what `make test` passes with is what the embedded default has.
SERVER := .venv-server
# So are those of a Dask cluster, which a night on one machine does without.
SCALE := .venv-scale

# What needs a server, a browser or an hour has a target of its own.
OF_THEIR_OWN := $(addprefix --ignore=tests/,faults browser topology scale)

SHARED_DATA ?= ../shared/data
LENDING_CLUB := $(SHARED_DATA)/lending_club_2007_2011.parquet
HANDBOOK := $(SHARED_DATA)/fdh_simulated_raw.parquet

# A developer's own settings must reach neither the tests nor the demo.
SETTINGS := $(filter-out MLFLOW_DISABLE_TELEMETRY,$(filter FINRISK_% MLFLOW_% AIRFLOW_%,$(.VARIABLES)))
# Without bytecode every process compiles what it imports: two seconds each for Airflow alone.
CLEAN := env -u PYTHONDONTWRITEBYTECODE $(addprefix -u ,$(sort $(SETTINGS)))
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
# OpenMP threads that outnumber idle processors spin: XGBoost then takes ten times as long.
export OMP_WAIT_POLICY := PASSIVE
# uv brings its own certificates; a company's proxy is only in the system's.
export UV_SYSTEM_CERTS := 1
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

.PHONY: help setup demo up down test coverage test-services test-topology test-scale test-browser test-faults soak check audit format bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv/ from the locked, hashed packages

demo: $(READY) ## Nights of simulated cards and loans through a real Airflow, the last asked for by an alarm
	@$(CLEAN) $(BIN)/python -m deploy.embedded.demo

up: $(READY) ## Serve Airflow, MLflow, scoring API and metrics over the demo's state; prints addresses, login and key
	@$(CLEAN) $(BIN)/python -m deploy.embedded.up

down: $(READY) ## Stop what `make up` started
	@$(CLEAN) $(BIN)/python -m deploy.embedded.down

test: $(READY) ## Run the tests
	@$(CLEAN) $(BIN)/python -m pytest -n 2 --dist worksteal $(OF_THEIR_OWN)

coverage: $(READY) ## Run the tests and say which lines none of them reaches
	@$(CLEAN) $(BIN)/python -m pytest -n 2 --dist worksteal $(OF_THEIR_OWN) --cov --cov-report=term

# The tests that `make test` runs on files, and those that only servers have. Left out by name: what is
# about SQLite alone, and of the faults what `make test-faults` has in full.
SERVED := tests/services tests/ledger tests/promotion tests/tracking tests/alerting/test_inbox_at_once.py \
	tests/data/test_sql_source.py tests/monitoring/test_{documented_calls,model_registry,mlflow_tracker}.py \
	tests/pipelines/test_{promoting,approving,night_record}.py \
	tests/faults/test_{humans,promoters,database,mlflow_faults}.py
NOT_SERVED := sqlite or eight_processes or (test_mlflow_faults and not lost) or (test_database and not postgresql)

test-services: $(READY) ## Run on an mlflow server and PostgreSQL, started here: ledger, tracking, promotion, faults
	@$(CLEAN) $(BIN)/python -m tests.services.harness \
		$(BIN)/python -m pytest -q -rs -n 2 --dist loadfile -k "$(or $(ONLY),not ($(NOT_SERVED)))" $(SERVED)

test-topology: $(SERVER)/.ready ## Run docker-compose.yaml's services as processes, and nights on them through Celery
	@$(CLEAN) $(SERVER)/bin/python -m pytest -q -p no:cacheprovider tests/topology -k "$(ONLY)"

test-scale: $(SCALE)/.ready ## Train on a Dask cluster of two processes, and kill one of them meanwhile
	@$(CLEAN) $(SCALE)/bin/python -m pytest -q -p no:cacheprovider tests/scale -k "$(ONLY)"

test-browser: $(READY) ## Open and use the dashboard in chromium; SCREENSHOTS=folder keeps what it looked like
	@$(CLEAN) TEST_SCREENSHOTS="$(SCREENSHOTS)" $(BIN)/python -m pytest -q tests/browser -k "$(ONLY)"

test-faults: $(READY) ## Break it: kill -9, a faulty MLflow, rivals, hostile artifacts; QUARTER=seed runs a quarter
	@$(CLEAN) FAULTS_QUARTER="$(QUARTER)" $(BIN)/python -m tests.services.harness \
		$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/faults

soak: $(READY) ## Play SCHEDULES=10000 seeded schedules against the invariants; SEED=n replays one
	@$(CLEAN) $(BIN)/python -m tests.faults.soak $(if $(SEED),--seed $(SEED),--schedules $(or $(SCHEDULES),10000))

check: $(READY) ## Format, lint, types and the order of the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(READY) ## Look the locked packages up among known advisories; OSV=url asks that server, not PyPI
	@$(CLEAN) $(BIN)/python -m deploy.advisories $(if $(OSV),--osv "$(OSV)")

format: $(READY) ## Let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Measure what docs/benchmarks.md reports
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/parse_and_log.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/promotion.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/kernel.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/monitors.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/serving.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/exporter.py
	@if command -v chromium >/dev/null; then $(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/dashboard.py; \
		else echo "The dashboard skipped: no chromium"; fi
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/documented_calls.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/airflow_night.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/alerts.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/night.py
	@$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/gate_reaction.py
	@if [ -f "$(LENDING_CLUB)" ]; then $(CLEAN) $(BIN)/python benchmarks/lending_club.py --data "$(LENDING_CLUB)"; \
		else echo "Lending Club skipped: no $(LENDING_CLUB); SHARED_DATA names its folder"; fi
	@if [ -f "$(HANDBOOK)" ]; then \
		$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/features.py --data "$(HANDBOOK)"; \
		$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/handbook.py --data "$(HANDBOOK)"; \
		$(CLEAN) PYTHONPATH=. $(BIN)/python benchmarks/fraud_night.py --data "$(HANDBOOK)"; \
		else echo "The Handbook skipped: no $(HANDBOOK); SHARED_DATA names its folder"; fi

lock: $(READY) ## Resolve requirements*.txt anew into hashed locks
	$(COMPILE) requirements.txt requirements-dev.txt -o requirements.lock
	$(COMPILE) requirements.txt requirements-server.txt -c requirements.lock -o requirements-server.lock
	$(COMPILE) requirements-scale.txt -c requirements.lock -o requirements-scale.lock
	{ echo '# What installs requirements.lock; made by `make lock`, too.'; \
		printf 'uv\nsetuptools>=80\n' | $(COMPILE) --no-annotate -; } > requirements-bootstrap.txt

clean: ## Remove .venv/, caches and everything the demo wrote; stops `make up` first
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.embedded.down --quiet; fi
	rm -rf .venv $(SERVER) $(SCALE) var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		.benchmarks .coverage htmlcov build finrisk.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(LOCKED): requirements.lock requirements-bootstrap.txt
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || { echo >&2 \
		"$(PYTHON): expected Python 3.11 or newer with venv; got $$($(PYTHON) --version 2>&1);" \
		"remedy: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Installing the locked packages into .venv/ ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r requirements-bootstrap.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	@touch $@

# The editable install is apart, so that a new console script does not reinstall the rest;
# without build isolation, because an isolated build would fetch unhashed packages.
$(READY): $(LOCKED) pyproject.toml
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What needs more packages has an environment of its own: .venv-server, .venv-scale.
.venv-%/.ready: requirements.lock requirements-%.lock requirements-bootstrap.txt pyproject.toml
	@echo "Installing the locked packages, and those of requirements-$*.lock, into .venv-$*/ ..."
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/pip install --quiet --require-hashes -r requirements-bootstrap.txt
	@VIRTUAL_ENV=.venv-$* .venv-$*/bin/uv pip install --quiet --require-hashes \
		-r requirements.lock -r requirements-$*.lock
	@VIRTUAL_ENV=.venv-$* .venv-$*/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
