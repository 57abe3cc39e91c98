# Each target makes .venv first when it is missing or out of date, so `make demo` is enough on a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env demo test check fuzz proto bench lock clean

BIN := .venv/bin
ENV := .venv/.installed
PYTEST_ARGS ?=
WORKERS ?= 2
MINUTES ?= 1
INPUT ?=
BENCH ?= $(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py)) $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[!_]*.py))

help: ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

env: $(ENV) ## make .venv with everything in it

demo: $(ENV) ## the whole system at once: cloud model, gateway, agent, a handful of questions
	@$(BIN)/edgewise demo

test: $(ENV) ## the whole test suite; PYTEST_ARGS="-m 'not slow'" for the quick part, WORKERS for more cores
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

check: $(ENV) ## formatting, lint, types, layers, protos; changes nothing
	@scripts/check

fuzz: $(ENV) ## what strangers send, changed until it comes to new places; MINUTES=10 for longer, INPUT=crash-… for one again
	@$(BIN)/python tests/fuzz/fuzz.py -max_total_time=$$(($(MINUTES) * 60)) $(INPUT)

proto: $(ENV) ## regenerate orchestrator/v1 from protos/
	@$(BIN)/python scripts/generate_protos.py

bench: $(ENV) ## print the figures that the docs quote; BENCH="agent slm" for some of them
	@for name in $(BENCH); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

lock: $(ENV) ## write constraints.txt from pyproject.toml; UPGRADE=1 moves the pins to the newest versions
	@scripts/lock $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, caches and build results; downloaded models and personal data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(ENV): constraints.txt pyproject.toml scripts/env
	@scripts/env
	@touch $@
