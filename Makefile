# `make run` serves the metrics of this machine's containers; `make test` tests everything.
# Each sets up what it needs, once: the second time it works without a network.

# Debian keeps dockerd there, and not every root has it on the path.
export PATH := $(PATH):/usr/sbin:/sbin

PYTHON ?= python3
FUZZ_SECONDS ?= 60
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --constraint constraints.txt \
           --build-constraint constraints.txt

# Further options of `docker build` for `make image`: BUILD="--build-arg WITH_CLI=yes"
BUILD ?=

.PHONY: run test test-engines bench soak lint docs pictures fuzz dist image setup clean

run: .venv/run.stamp
	@$(BIN)/docker-exporter

test:
	@tools/debian-packages
	@$(MAKE) --no-print-directory setup
	@$(BIN)/pytest

# The contract on further engines: Podman, and Debian 13's Docker Engine, unpacked once.
test-engines:
	@tools/debian-packages debootstrap
	@$(MAKE) --no-print-directory setup .cache/debian-13
	@$(BIN)/pytest --no-cov tests/engines

# What a scrape costs: `make bench OPTIONS="--help"` says what can be chosen.
bench:
	@tools/debian-packages debootstrap
	@$(MAKE) --no-print-directory setup .cache/debian-13
	@$(BIN)/python -m bench $(OPTIONS)

# What the exporter holds after a long while: `make soak SOAK_SECONDS=3600 OPTIONS="--help"`.
SOAK_SECONDS ?= 600
soak:
	@tools/debian-packages
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m bench.soak --seconds=$(SOAK_SECONDS) $(OPTIONS)

lint: .venv/dev.stamp
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: .venv/dev.stamp
	@$(BIN)/python docs/generate.py
	@$(BIN)/python -m grafana.build

# Each target of tests/fuzz for FUZZ_SECONDS; what is found is left in a file `crash-...`.
fuzz: .venv/dev.stamp
	@$(INSTALL) --group fuzz
	@for target in $$($(BIN)/python -m tests.fuzz); do \
	    echo "--- $$target"; \
	    $(BIN)/python -m tests.fuzz "$$target" "$(FUZZ_SECONDS)" 2>&1 | tail -n 3; \
	done

# What a release consists of, and a part of the tests on it: the sdist, the wheel and the text.
dist: .venv/dev.stamp
	@tools/debian-packages
	@rm -rf dist
	@$(INSTALL) --group dist
	@$(BIN)/hatchling build --target sdist --target wheel
	@$(BIN)/python tools/release-text "$$($(BIN)/hatchling version)" >dist/RELEASE.md
	@tools/check-dist $(BIN)/python

image:
	docker build --build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"$$/\1/p' exporter/__init__.py)" \
	    --tag docker-exporter $(BUILD) .

# The pictures of the README, from a real engine in a real browser; as root.
pictures: .venv/dev.stamp
	@tools/debian-packages
	@$(BIN)/python -m docs.pictures

setup: .venv/dev.stamp

clean:
	rm -rf .venv .cache .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
	       .pytest_cache .ruff_cache build dist

.cache/debian-13:
	@tools/debian-13 $@

.venv/pip.stamp: constraints.txt
	@tools/check-python $(PYTHON)
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --upgrade pip
	@touch $@

.venv/run.stamp: .venv/pip.stamp pyproject.toml
	$(INSTALL) --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	$(INSTALL) --group lint
	@touch $@
