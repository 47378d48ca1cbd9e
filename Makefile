# Every target works in one environment, .venv, made from setup.cfg and constraints.txt on first use.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all coverage lint types docs notebooks bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	touch $@

install: $(STAMP) ## make .venv with the pinned versions and the project in it

demo: $(STAMP) ## the annealing test on sprites, a few minutes: table and figures in runs/demo
	$(BIN)/ifp anneal --dataset sprites --preset quick --out runs/demo

test: $(STAMP) ## the test suite in two processes, under 6 minutes, no network
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(STAMP) ## the same with the tests that take long: notebooks, kills, known answers of long trainings
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ""

coverage: $(STAMP) ## the test suite with line coverage of the three packages
	$(BIN)/python -m pytest --cov=ifp --cov=ifp.analysis --cov=ifp.cli --cov-report=term-missing:skip-covered

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot follow the editable install's import hook into analysis/ and cli/, so it reads an installed copy;
# build/ would smuggle modules that were since deleted into that copy.
types: $(STAMP) ## mypy --strict on an installed copy
	@set -e; target=$$(mktemp -d); trap 'rm -rf "$$target" "$(CURDIR)/build"' EXIT; rm -rf build; \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --target "$$target" .; \
	cd "$$target"; $(BIN)/mypy -p ifp --config-file $(CURDIR)/setup.cfg --cache-dir $(CURDIR)/.mypy_cache

# no network: the build fetches nothing, and pages that would are refused
docs: .venv/.docs ## the documentation as a site: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python docs/tools/outside_requests.py site

.venv/.docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[docs]'
	touch $@

notebooks: $(STAMP) ## run the notebooks and store them with their outputs
	$(BIN)/python notebooks/refresh.py

bench: $(STAMP) ## engine against a plain loop, theory against training, data, mutual information, channels
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/information.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/channels.py
	$(BIN)/python benchmarks/topology.py
	$(BIN)/python benchmarks/gan.py

clean: ## remove the environment, caches and build outputs; runs/ stays
	rm -rf .venv build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
