# The commands of this project. `make demo` sets up, runs the nightly job and trades on paper; `make test` runs every test.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check bench bench-peers up docs proof soak lock clean

BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## make .venv with pi5, live-engine and dagster in it
	@scripts/setup run

setup-dev:
	@scripts/setup dev

demo: setup ## set up, run the nightly job on real prices, trade them on paper, print the results (V=1 shows the log)
	@scripts/demo

test: setup-dev ## run the tests (ARGS="-m slow": the long ones; ARGS="tests/lake -x" picks)
	@if [ "$$CI" = true ] || [ -d .venv-parity ]; then scripts/setup-parity parity; fi
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(or $(ARGS),-m "not slow")

check: setup-dev ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: setup-dev ## run the benchmarks and write docs/benchmarks.md (ARGS="bench_lake" picks)
	@$(BIN)/python benchmarks/table.py $(ARGS)

bench-peers: setup-dev ## the same beside other engines (ARGS="bench_peers_sweep" picks)
	@scripts/setup-parity parity
	@scripts/setup-parity peers
	@$(BIN)/python benchmarks/table.py $(or $(ARGS),bench_peers bench_peers_sweep)

up: setup ## Dagster's pages and daemon, and the live engine on paper with replayed prices
	@scripts/up

docs: setup-dev ## write the generated pages of docs/ again
	@scripts/docs

proof: setup-dev ## the long proofs: a hundred kills of the nightly job and of hand-overs, twenty of a sweep, and what CI leaves out
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m proof
	@PI5_KILLS=100 $(BIN)/python -m pytest tests/crash tests/timescale/test_kill_tiering.py -rP $(ARGS)
	@PI5_KILLS=20 $(BIN)/python -m pytest tests/sweep/test_resume.py -rP $(ARGS)

soak: setup-dev ## the long proof of the live engine: 500 kills, 100 power cuts, 200 rounds of kills of its ledger, a million events
	@PI5_KILLS=500 PI5_SOAK_EVENTS=1000000 $(BIN)/python -m pytest tests/live_engine/test_kill_engine.py tests/live_engine/test_cut_engine.py tests/live_engine/test_soak.py -s $(ARGS)
	@PI5_KILLS=200 $(BIN)/python -m pytest tests/ledger/test_kill_ledger.py tests/ledger/test_kill_daemon.py -s $(ARGS)

lock: setup-dev ## pin the dependencies again (ARGS=--upgrade takes the newest)
	@scripts/lock $(ARGS)

clean: ## remove what set-up and tests made; var/ (your data) stays
	@rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
