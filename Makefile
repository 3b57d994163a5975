# The contract: `make serve` runs the firewall, `make test` runs the tests. Both set up all they need.
SHELL := /bin/sh
# .venv/bin and this folder; as root, where this folder is somebody else's too, those of root's own copy.
BIN = $(shell ./install.sh bin)
TREE = $(shell ./install.sh tree)
NAME ?=
BUDGET ?= 40m
ARGS ?=
# How pytest-xdist shares out the tests; empty: one after another. What needs root is one worker's (tests/conftest.py).
WORKERS ?= -n auto --maxprocesses 4 --no-loadscope-reorder

.PHONY: help install dev serve demo test lint format bench prove fuzz lock docs clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: ## Set up .venv to run Pratique
	@./install.sh run

dev: ## Set up .venv to work on Pratique
	@./install.sh dev

serve: install ## Run the firewall (ARGS="--listen 127.0.0.1:8080 …")
	@exec "$(BIN)"/pratique serve $(ARGS)

demo: install ## A local upstream with an inert hostile package, behind a firewall
	@exec "$(BIN)"/pratique demo $(ARGS)

test: dev ## Run the tests (ARGS="tests/proxy -k hold")
	@cd "$(TREE)" && exec "$(BIN)"/python -m pytest $(WORKERS) $(ARGS)

lint: dev ## ruff, mypy --strict, and the floors of the house
	@"$(BIN)"/ruff check .
	@"$(BIN)"/ruff format --check .
	@"$(BIN)"/mypy
	@"$(BIN)"/lint-imports --no-cache

format: dev ## Let ruff lay out the source
	@"$(BIN)"/ruff format .
	@"$(BIN)"/ruff check --fix .

bench: dev ## Speed beside peers, in one run, as ratios (20 min at most)
	@cd "$(TREE)" && "$(BIN)"/python -m bench $(ARGS)
	@./install.sh back

prove: dev ## A long proof: make prove NAME=top50 [BUDGET=40m]; records go to docs/proofs/
	@cd "$(TREE)" && { "$(BIN)"/python -m tests.proofs $(NAME) --budget $(BUDGET) $(ARGS); said=$$?; }; \
	  "$(CURDIR)"/install.sh back; exit $$said

fuzz: dev ## Fuzz: make fuzz NAME=archive [BUDGET=40m]; without NAME every target, each for the budget
	@cd "$(TREE)" && exec "$(BIN)"/python -m tests.fuzz $(NAME) --budget $(BUDGET) $(ARGS)

lock: dev ## Write the hashed lock files anew (ARGS=--upgrade for newer versions)
	@"$(BIN)"/uv pip compile --no-strip-extras $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml requirements-build.in -o requirements.lock
	@"$(BIN)"/uv pip compile --no-strip-extras $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml requirements-build.in -o requirements-dev.lock

docs: dev ## Renew the generated pages in docs/
	@"$(BIN)"/python -m tests.generated --write

clean: ## Remove what was built (not the data, nor unfinished proofs in var)
	@case "$(TREE)" in /opt/pratique/*) rm -rf "$$(dirname "$(TREE)")" ;; esac
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
