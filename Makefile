.PHONY: help run dev setup test bench screenshots pages nemesis lint lua audit format lock upgrade clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes
AUDIT := --vulnerability-service osv --requirement requirements.txt --disable-pip --no-deps --progress-spinner off

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 13

run: .venv/run .env  ## set up what is missing and start everything
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/honcho start

dev: .venv/dev .env  ## as run, but a changed tool, template or style takes effect at once
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/honcho --procfile Procfile.dev start

setup: .venv/dev .env  ## set up everything for development, without starting it

test: .venv/dev  ## run all tests; FAST=1 skips the slow ones, COVERAGE=1 measures coverage
	$(BIN)/pytest --numprocesses $(if $(FAST),4,6) --dist loadfile --no-loadscope-reorder $(if $(FAST),-m "not slow") \
		$(if $(COVERAGE),--cov $(if $(FAST),--cov-fail-under 0))

bench: bench/.venv/installed  ## compare the performance with that of other software; needs wrk and hmmer
	bench/.venv/bin/python -m bench

screenshots: .venv/dev  ## take a picture of each page in each state, into var/screenshots
	mkdir -p var/screenshots/gallery
	SCREENSHOTS=var/screenshots $(BIN)/pytest tests/test_states.py
	cp var/screenshots/gallery/*.png docs/

pages: .venv/dev  ## check each page in each state with axe, and with Lighthouse; needs npm
	$(BIN)/pytest tests/test_states.py
	LIGHTHOUSE=1 $(BIN)/pytest tests/test_lighthouse.py

nemesis: .venv/dev  ## kill and stop processes at random, for SECONDS=600
	NEMESIS_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest -s tests/test_nemesis.py

lint: .venv/dev  ## check format, style, types, Lua, and known vulnerabilities
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive greeter wsgi.py gunicorn.conf.py flowerconfig.py
	$(BIN)/hadolint deploy/Dockerfile
	@$(MAKE) --no-print-directory lua audit

lua:
	@if command -v luacheck >/dev/null; then echo luacheck greeter && luacheck --quiet --no-color greeter; \
		elif [ -z "$$CI" ]; then echo "luacheck: skipped, install Debian's package lua-check"; \
		else echo "luacheck is missing: add Debian's package lua-check to .ci/run"; exit 1; fi

audit: .venv/dev
	@output=$$($(BIN)/pip-audit $(AUDIT) 2>&1) && echo "pip-audit: $$output" || case "$$output" in \
		*requests.exceptions.*) echo "pip-audit: skipped, vulnerability service unreachable" ;; \
		*) echo "$$output"; exit 1 ;; esac

format: .venv/dev  ## format the code and apply automatic fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: .venv/dev  ## pin new packages in the lock files; the other pins stay
	$(COMPILE) $(UPGRADE) requirements.in -o requirements.txt
	$(COMPILE) $(UPGRADE) --constraint requirements.txt requirements.in requirements-dev.in -o requirements-dev.txt

upgrade: UPGRADE := --upgrade
upgrade: lock  ## upgrade all packages in the lock files

clean:  ## remove what was set up; jobs and settings stay
	rm -rf .venv bench/.venv .pytest_cache .mypy_cache .ruff_cache .coverage*

.env: | .env.example
	@umask 077 && $(PYTHON) -c 'import re, secrets; print(re.sub(r"^([^#]*)change-me", lambda line: line[1] + secrets.token_hex(16), open(".env.example").read(), flags=re.M), end="")' > $@

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "greeter needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: requirements.txt | .venv/python
	$(INSTALL) -r requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt | .venv/python
	$(INSTALL) -r requirements-dev.txt
	@touch $@

bench/.venv/installed: requirements-dev.txt bench/requirements.txt
	$(PYTHON) -m venv bench/.venv
	bench/.venv/bin/pip install --quiet --require-hashes -r requirements-dev.txt
	bench/.venv/bin/pip install --quiet -r bench/requirements.txt
	@touch $@
