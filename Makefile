# Every target builds .venv by itself when it is missing or pyproject.toml or constraints.txt changed.
PYTHON ?= python3
BIN := .venv/bin
# Not quiet: it takes minutes, and says what it downloads and how large that is.
INSTALL = $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt --editable

# torch's threads sleep while they wait, instead of spinning on the cores the event loop needs.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: run test test-postgres chaos load soak check audit fuzz format clean

run: .venv/installed-run  ## the bot if DISCORD_TOKEN is set (here or in .env), else the playground
	@if [ -n "$$DISCORD_TOKEN" ] || grep -qsE '^DISCORD_TOKEN=.+' .env; \
	then exec $(BIN)/darkroom bot; else exec $(BIN)/darkroom playground; fi

test: .venv/installed-dev  ## every test, by one process more than there are cores, each with one thread of torch
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test-postgres: .venv/installed-dev  ## the bot's tests on PostgreSQL alone; POSTGRES_URL names a server to try them on
	@[ -n "$$POSTGRES_URL" ] || { echo "Set POSTGRES_URL, such as postgresql+asyncpg://USER@HOST/postgres"; exit 1; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal --postgres tests/bot

KILLS ?= --kills 90 --doodle-kills 10 --faults
chaos: .venv/installed-dev  ## kill the bot again and again (minutes); KILLS="--kills 10 --postgres": fewer, on POSTGRES_URL
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos $(KILLS)

LOAD ?=
load: .venv/installed-dev  ## 200 members, 20 commands a second for 2 minutes (some minutes more, twice); LOAD="--engine fake"
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.load $(LOAD)

MINUTES ?= 60
soak: .venv/installed-dev  ## mixed use while Discord fails now and then, for an hour; MINUTES=5: shorter
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.load --soak $(MINUTES) --plot docs/soak.svg

check: .venv/installed-dev  ## style, types, contracts between packages, migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@folder=$$(mktemp -d) && export DATA_DIR=$$folder DATABASE_URL= && \
	$(BIN)/alembic upgrade head && $(BIN)/alembic check; status=$$?; rm -rf "$$folder"; exit $$status
	$(BIN)/python -m pytest tests/bot/storage/test_database.py -k migrated
	$(BIN)/hadolint Dockerfile

audit: .venv/installed-dev  ## known vulnerabilities of all that is pinned; the package index is asked about each, and must know it
	$(BIN)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip --progress-spinner off

SECONDS_EACH ?= 300
fuzz: .venv/installed-dev  ## hostile bytes for all that reads what strangers send (Linux; minutes); what is found stands in .fuzz/
	$(INSTALL) '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS_EACH)

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Darkroom needs Python 3.11 or newer; name it: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Installing Darkroom into .venv: some minutes, most of them and 2 GB or more of disk for torch."
	$(PYTHON) -m venv .venv

.venv/installed-run: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[playground]'
	@touch $@
	@echo "Installed; later starts take seconds."

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) '.[dev]'
	@touch $@ .venv/installed-run
