.PHONY: help run test screenshots nemesis lint format lock clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
AUDIT := --vulnerability-service osv --requirement requirements.txt --disable-pip --no-deps --progress-spinner off

help:  ## list what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 10

run: .venv/run .env  ## set up what is missing and start everything
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/honcho start

test: .venv/dev  ## run all tests; FAST=1 leaves out those that start servers
	$(BIN)/pytest --numprocesses 2 --dist loadfile $(if $(FAST),-m "not slow")

screenshots: .venv/dev  ## take a picture of each page in each state, into var/screenshots
	mkdir -p var/screenshots
	SCREENSHOTS=var/screenshots $(BIN)/pytest tests/test_states.py
	cp var/screenshots/running-search-light.png docs/screenshot.png

nemesis: .venv/dev  ## kill and stop everything at random; SECONDS=600 says for how long
	NEMESIS_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest -s tests/test_nemesis.py

lint: .venv/dev  ## check format, style, types, and what is known to be unsafe
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive greeter wsgi.py gunicorn.conf.py flowerconfig.py
	$(BIN)/hadolint deploy/Dockerfile
	@said=$$($(BIN)/pip-audit $(AUDIT) 2>&1) && echo "pip-audit: $$said" || case "$$said" in \
		*requests.exceptions.*) echo "pip-audit: skipped, for the service that knows the holes cannot be reached" ;; \
		*) echo "$$said"; exit 1 ;; esac

format: .venv/dev  ## format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: .venv/dev  ## pin the packages anew
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt

clean:  ## remove what was set up; jobs and settings stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

.env: | .env.example
	@umask 077 && $(PYTHON) -c 'import re, secrets; print(re.sub(r"^([^#]*)change-me", lambda line: line[1] + secrets.token_hex(16), open(".env.example").read(), flags=re.M), end="")' > $@

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "greeter needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: requirements.txt | .venv/python
	$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt | .venv/python
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@
