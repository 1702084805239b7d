# Everything runs from .venv, which holds exactly what locks/dev.txt names.
VENV := .venv
RUN := $(VENV)/bin/python
UV ?= uv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
LOCK := $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-header

.PHONY: help env demo test check gen bench lock clean

help:
	@echo "make demo   the main job: a real service breaks, is diagnosed, and a report is written"
	@echo "make test   the tests          make check  format, lint, types, floors, generated files"
	@echo "make gen    generated files    make bench  figures        make env   the environment"
	@echo "make lock   renew the locks    make clean  remove what was built"

env: $(VENV)/.complete

$(VENV)/.complete: locks/dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON), about a minute …"
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(RUN) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	@$(RUN) -m compileall -q mcp_server scripts
	@$(RUN) -m mcp_server.surface.checked
	@touch $@

demo: env
	@$(RUN) -m scripts.demo $(ARGS)

test: env
	@$(RUN) -m pytest $(ARGS)

check: env
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m mcp_server.surface.docs --check

gen: env
	@$(RUN) -m mcp_server.surface.docs

bench: env
	@$(RUN) -m bench $(ARGS)

lock:
	$(LOCK) --output-file locks/runtime.txt
	$(LOCK) --group dev --output-file locks/dev.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find mcp_server scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
