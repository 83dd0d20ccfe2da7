# `make help` lists what there is. Each target sets up its own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process more than the cores of the smallest CI machines: tests wait for browsers, servers and other processes.
PYTEST_ARGS ?= -n 3 --dist worksteal
# CONSTRAINT=requirements/ci.txt: the versions that CI tests, instead of the newest.
# ENV=<folder of an environment that has everything>: use it as it is. WHEELS=<folder>: install from its wheels alone.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(WHEELS),--no-index --find-links '$(WHEELS)')$(if $(CONSTRAINT), --constraint '$(CONSTRAINT)')
ifdef ENV
BIN := $(ENV)/bin
READY :=
export PYTHONPATH := $(CURDIR)/src
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test test-gpu faults bench check docs format tables sbom clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "keyart needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(if $(WHEELS),,$(PIP_INSTALL) --upgrade pip)
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

install: $(READY) ## A virtual environment in .venv with keyart and everything for its development

demo: $(READY) ## Render demo posters, train on them, print metrics, and say where the pictures are
	@run=$$($(BIN)/python train.py name=demo | tail -n 1) && test -d "$$run" \
		&& $(BIN)/keyart evaluate "$$run" \
		&& echo "Ten nearest posters:  $$run/gallery.png" \
		&& echo "The whole report:     $$run/report.html"

test: $(READY) ## All tests (no network, no GPU needed; real posters are used where they are found)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-gpu: $(READY) ## All that needs a GPU, in under 10 minutes; without a network by WHEELS=<folder> or ENV=<environment>
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' \
		|| { echo "make test-gpu: torch finds no GPU here; keyart doctor says why" >&2; exit 2; }
	$(BIN)/python -c 'from keyart.cli.app import main; main()' doctor || true
	$(BIN)/python -m pytest tests -m gpu --durations=10
	$(BIN)/python benchmarks/gpu.py
	$(BIN)/python benchmarks/losses.py --device cuda --threads 1 --seconds 0.3

faults: $(READY) ## Commands under every fault, and hostile input of every kind: tried and held (more than a day; needs cc)
	$(BIN)/python -m tests.faults.harness

bench: $(READY) ## Every benchmark, each beside its peer and its limit (about an hour; real posters needed for most)
	$(if $(ENV),,$(PIP_INSTALL) --editable '.[dev,bench]')
	@for file in benchmarks/*.py; do \
		case $$file in */measure.py|*/gpu.py) continue;; */loading.py) more="$(if $(OML),--oml $(OML))";; *) more=;; esac; \
		printf '\n== %s\n' "$$file"; $(BIN)/python "$$file" $$more || failed="$$failed $$file"; \
	done; test -z "$$failed" || { echo "not finished:$$failed" >&2; exit 1; }

check: $(READY) ## Format, lint, types and the order of the rooms, as CI wants them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format the code, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## The docs site, in docs/_build/index.html: every warning is an error, links are checked; no network
	@$(if $(ENV),,$(BIN)/python -c 'import furo' 2>/dev/null || $(PIP_INSTALL) --editable '.[docs]')
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build
	$(BIN)/python docs/check_links.py docs/_build

tables: $(READY) ## Write the tables of losses and engines into the docs
	$(BIN)/python -m keyart.config.tables docs/losses.md docs/find.md

sbom: $(READY) ## The licences of all that is installed; build/sbom.json lists it in the CycloneDX format
	@test -x build/sbom/bin/cyclonedx-py || { $(PYTHON) -m venv build/sbom \
		&& build/sbom/bin/python -m pip install --quiet cyclonedx-bom pip-licenses; }
	build/sbom/bin/cyclonedx-py environment $(BIN)/python --output-file build/sbom.json
	build/sbom/bin/pip-licenses --python=$(BIN)/python

clean: ## Remove the virtual environment and tools' caches (never runs, never posters)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build docs/_build docs/generated
