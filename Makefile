# Everything a developer and CI run. Needs Python 3.11+ and make; `make setup` fetches the rest.
PYTHON ?= python3
BIN := .venv/bin

# Containers often set it. Much of a test run is the start of processes, and each would compile
# everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup check fix test thorough client-versions power-cut side-by-side demo dev docs browser bench-console bench chaos fail-over silence day certify-proof simulate lock clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: .venv/installed $(BIN)/revio ## Install the pinned dependencies and the revio command into .venv

.venv/installed: requirements.lock client/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which to use: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client
	touch $@

# The application is no distribution, so its command is put beside the environment's own. -P keeps
# packages of the directory that it is called from out of its way.
$(BIN)/revio: .venv/installed Makefile
	printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/$(BIN)/python" -P -m cli "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $@
	chmod +x $@

check: setup ## Check formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: setup ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Many tests wait for real processes, so more of them run than there are cores.
test: setup ## Run all tests
	$(BIN)/python -m pytest -n 7 --dist loadfile --no-loadscope-reorder

# A quarter of an hour.
thorough: setup ## Run the property tests with twenty times as many examples
	$(BIN)/python -m pytest -n 6 -m hypothesis --hypothesis-profile thorough

# Needs a package index.
client-versions: setup ## Try the client with both ends of the versions it declares
	$(BIN)/python -m pytest tests/packaging/test_client_wheel.py --client-versions=lowest,newest

# Needs strace. Two or three minutes; a short form runs among the tests.
power-cut: setup ## Cut the power 20 times under load, with what was not synced lost, and audit
	$(BIN)/python -m tests.chaos --power-cuts

# `make side-by-side BESIDE=<commit>`: half of the workers and producers run that commit's code.
side-by-side: setup ## Run two releases on one Redis while everything fails, and audit
	$(BIN)/python -m tests.chaos --short --runs 3 --beside $(BESIDE)

demo: setup ## Show real jobs and a campaign on this machine, in half a minute
	$(BIN)/python -m cli.dev.demo

dev: setup ## Run Redis, the sandbox, two workers, Flower and the console until Ctrl-C
	$(BIN)/python -m cli.dev

# The site's tools are installed by whoever builds it. The variable silences an advertisement.
docs: .venv/docs-installed ## Build the site into site/ and check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "the site is in site/index.html"

.venv/docs-installed: .venv/installed requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	touch $@

# Needs a Chromium on PATH. CONSOLE_SCREENSHOTS names a directory for pictures of the pages.
browser: .venv/browser-installed ## Try the console in a real browser, and look for barriers in its pages
	$(BIN)/python -m pytest tests/browser

.venv/browser-installed: .venv/installed requirements-browser.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.lock
	touch $@

bench-console: setup ## Measure the console with 50 watchers and 5 planners
	$(BIN)/python -m bench.console_load

bench: setup ## Measure what jobs cost, beside plain Celery and plain zeep
	$(BIN)/python -m bench

# Ten seeds in a row take about half an hour; CI runs a short form among the tests.
chaos: setup ## Kill, cut off and fill up everything for ten seeds, and audit the outcome
	$(BIN)/python -m tests.chaos --runs 10

# About two minutes; one fail-over runs among the tests.
fail-over: setup ## Fail over ten times behind one name under load, and audit the outcome
	$(BIN)/python -m tests.chaos.fail_over

# About four minutes.
silence: setup ## Let all connections fall silent ten times under load, and audit the outcome
	$(BIN)/python -m tests.chaos.fail_over --silence
	$(BIN)/python -m tests.chaos.fail_over --silence --deaf-s 6 --runs 3

# Ten minutes; the tests tell it 60 times as fast. Needs prometheus.
day: setup ## Tell the bad day of docs/operators/day.md in real time, and time its alerts
	$(BIN)/python -m pytest -q -s tests/acceptance/test_day_in_the_life.py --real-time

# Two or three minutes; a short form runs among the tests.
certify-proof: setup ## Certify 200 random vendors and hold each finding to the truth
	$(BIN)/python -m tests.certification

simulate: setup ## Show in virtual time what the limiter does, as tables and plots
	$(BIN)/python -m simulation

# Pins every dependency with its hashes for Python 3.11+ on any platform; names no index host. The
# second file is what the image holds, the third what builds the site. Needs uv.
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header --quiet

lock: ## Pin the dependencies of pyproject.toml anew (needs uv)
	$(COMPILE) --group dev -o requirements.lock
	$(COMPILE) --group run --group console --constraint requirements.lock -o requirements-run.lock
	$(COMPILE) --group docs --constraint requirements.lock -o requirements-docs.lock
	$(COMPILE) --group browser --constraint requirements.lock -o requirements-browser.lock

clean: ## Remove what setup and builds have made
	rm -rf .venv client/dist site
