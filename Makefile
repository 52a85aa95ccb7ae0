# The only task runner. Everything happens in .venv and target/; nothing outside the checkout changes.
# `make run` and `make test` need Python 3.11+, Rust 1.85+ and a C compiler, and build the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# python3 when it is new enough, else the newest of the named ones, else python3 (and a clear refusal).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# A change of any of these makes the compiled module stale.
CORE := $(shell find rust -name '*.rs' -o -name '*.toml') Cargo.toml Cargo.lock pyproject.toml
ARGS ?=
BENCH ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Whatever environment is active, ours is the one that is built into.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# The binding crate is linked as an extension module everywhere, so cargo needs no libpython.
export PYO3_BUILD_EXTENSION_MODULE := 1
export PYO3_PYTHON := $(BIN)/python

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.PHONY: run
run: build ## the market maker on paper (options: make run ARGS="--coin ETH --speed 60")
	@$(BIN)/python -m mm run $(ARGS)

.PHONY: build
build: $(VENV)/.core ## the environment and the compiled core, rebuilt only when sources changed

.PHONY: test
test: test-rust test-python ## all tests, Rust and Python (pytest options: make test ARGS="-k limits")

.PHONY: test-rust
test-rust: $(VENV)/.dev
	cargo test --locked --quiet --workspace

.PHONY: test-python
test-python: build $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: lint test-rust build ## the everyday loop: lint and all tests but those that start processes
	$(BIN)/python -m pytest -q -m "not wire" $(ARGS)

.PHONY: lint
lint: lint-rust lint-python ## formatters in check mode, linters, type checkers, stub test

.PHONY: lint-rust
lint-rust: $(VENV)/.dev
	cargo fmt --all --check
	cargo clippy --locked --quiet --workspace --all-targets -- -D warnings

.PHONY: lint-python
lint-python: build $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=python $(BIN)/python -m mypy.stubtest mm._core --allowlist tests/stubtest-allowlist.txt

.PHONY: doc
doc: $(VENV)/.dev ## the Rust documentation, warnings denied
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --quiet --workspace --no-deps

.PHONY: fmt
fmt: $(VENV)/.dev ## format Rust and Python, apply ruff's safe fixes, renew config/example.toml
	cargo fmt --all
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	$(MAKE) --no-print-directory example

.PHONY: example
example: build ## config/example.toml from the models
	@mkdir -p config
	$(BIN)/python -m mm config init --force config/example.toml

.PHONY: bench
bench: bench-rust bench-python ## benchmarks, those from Python judged by ratio (BENCH=--quick: a glance)

.PHONY: bench-rust
bench-rust: $(VENV)/.dev
	cargo bench --locked --quiet --workspace --bench '*' -- --noplot $(BENCH)

.PHONY: bench-python
bench-python: build $(VENV)/.dev
	$(BIN)/python -m pytest benches $(ARGS)

.PHONY: coverage
coverage: build ## how often the price moves further than num_sigmas (ARGS: recordings, --hours, --seeds)
	@$(BIN)/python -m mm.coverage $(ARGS)

.PHONY: economy
economy: build ## requests for a USDC traded, against a plain maker (ARGS: recordings, --equity, --json)
	@$(BIN)/python -m mm.economy $(ARGS)

.PHONY: ablation
ablation: build ## what each model is worth on recorded markets (ARGS: recordings, --equity, --json, --out FILE)
	@$(BIN)/python -m mm.ablation $(ARGS)

.PHONY: laws
laws: build $(VENV)/.dev ## the laws in depth: proptest and hypothesis, tens of minutes
	PROPTEST_CASES=5000 cargo test --locked --quiet --release -p mm-core -p mm-hl -p mm-sim -- prop_
	MM_LAWS=deep cargo test --locked --quiet --release -p mm-core --test models -- long_run
	MM_LAWS=deep HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -o timeout=3600 tests/laws \
		tests/scenarios/test_reconnects.py $(ARGS)

SEEDS ?= 10000
.PHONY: chaos
chaos: build ## SEEDS=10000 worlds in which everything goes wrong, judged by the exchange's truth
	$(BIN)/python -m mm chaos --seeds $(SEEDS) --json $(ARGS)

.PHONY: soak
soak: build $(VENV)/.dev ## hours of faults and kill -9, in virtual time and with processes; see docs/soak.md
	MM_SOAK=whole $(BIN)/python -m pytest -q -s -o timeout=7200 tests/soak $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.dev ## mutation testing of the risk core: one build, about half an hour; see docs/mutation.md
	nice -n 10 $(BIN)/python tests/mutation/rust_mutants.py $(ARGS)

.PHONY: mutants-python
mutants-python: build ## mutation testing of the session and the watchdog's decisions; see docs/mutation.md
	rm -rf target/mutants/python && mkdir -p target/mutants/python
	git ls-files | tar cf - -T - | tar xf - -C target/mutants/python
	cp python/mm/_core*.so target/mutants/python/python/mm/
	cd target/mutants/python && mv python src && nice -n 10 $(BIN)/mutmut run $(ARGS)

.PHONY: golden
golden: build $(VENV)/.dev ## renew the golden files; read the diff before you commit it
	MM_GOLDEN=renew cargo test --locked --quiet -p mm-core --test journal
	MM_GOLDEN=renew $(BIN)/python -m pytest -q tests -k golden
	git --no-pager diff --stat -- tests/golden rust/mm-core/tests/journal

.PHONY: wheel
wheel: $(VENV)/.dev ## an abi3 wheel in dist/
	$(BIN)/maturin build --release --locked --out dist

.PHONY: lock
lock: $(VENV)/.dev ## resolve requirements/*.txt anew, with hashes
	export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	compile() { $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links "$$@"; }; \
	compile pyproject.toml requirements/dev.in -o requirements/dev.txt; \
	compile pyproject.toml -c requirements/dev.txt -o requirements/run.txt; \
	compile requirements/build.in -c requirements/dev.txt -o requirements/build.txt; \
	compile requirements/ccxt.in -c requirements/dev.txt -o requirements/ccxt.txt

.PHONY: clean
clean: ## remove everything that make built
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find python -name '*.so' -delete

# ---- stamps -------------------------------------------------------------------------------------

$(VENV)/.python:
	@requirements/prerequisites.sh "$(PYTHON)"
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt requirements/build.txt | $(VENV)/.python
	@echo "installing requirements/run.txt"
	@$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements/run.txt -r requirements/build.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing requirements/dev.txt"
	@$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.core: $(CORE) $(VENV)/.run
	@requirements/prerequisites.sh "$(BIN)/python"
	@echo "building mm._core (release; the first time takes a few minutes)"
	@PIP_QUIET=1 PIP_NO_INDEX=1 $(BIN)/maturin develop --release --locked --quiet
	@touch $@
