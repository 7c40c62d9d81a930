# Everything here starts from a machine that has Python 3.11 or newer, make and a C compiler, and lives in .venv.
# Set-up runs when pyproject.toml is newer than the stamp of the last one; otherwise it costs a few milliseconds.
#
#   PYTHON=/path/to/python3.12   the interpreter for a new .venv (otherwise the newest found)
#   ARGS="…"                     handed to the command: make test ARGS="-k schedule -x"

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test slow lint format bench setup clean again

PYTHON ?=
ARGS ?=

RUN := .venv/bin/python
VENV := .venv/.made-in
PACKAGE := .venv/.package-installed
DEV := .venv/.dev-installed
# Bytecode is kept, whatever the environment says: the tests start a hundred processes that import the package.
PYTEST = PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest --numprocesses=auto --maxprocesses=4
# All of pip's lines for a person, who would otherwise look at nothing for a minute; only its errors for a log.
PIP = "$(RUN)" -m pip install --disable-pip-version-check $$([ -t 2 ] || echo --quiet)

# An environment holds absolute paths: one that came along with a moved or copied folder, or whose interpreter has
# gone, is made anew. (The shell compares, so that a folder's name may have spaces in it.)
ifneq ($(shell [ -x "$(RUN)" ] && [ "$$(cat "$(VENV)" 2>/dev/null)" = "$$(pwd -P)" ] && echo fit),fit)
$(VENV): again
endif

help:  ## what there is to make
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(PACKAGE)  ## set up, then the lecture's experiment on real digits; ends with a report's path
	@$(RUN) -m skipline demo $(ARGS)

test: $(DEV)  ## set up, then the tests, but for the slow ones
	@$(PYTEST) --dist=loadfile -m "not slow" $(ARGS)

slow: $(DEV)  ## set up, then the tests that take long
	@$(PYTEST) --dist=loadgroup -m slow $(ARGS)

lint: $(DEV)  ## set up, then ruff and pyright
	@failed=0; \
	"$(RUN)" -m ruff check . || failed=1; \
	"$(RUN)" -m ruff format --check . || failed=1; \
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$(RUN)" -m pyright || failed=1; \
	exit $$failed

format: $(DEV)  ## set up, then let ruff lay out the code and mend what it can
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: $(PACKAGE)  ## set up, then the training benchmark
	@$(RUN) benchmarks/acceleration.py $(ARGS)

setup: $(DEV)  ## set up for development and do nothing else

clean:  ## remove .venv, builds and caches; runs/ stays
	@rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis
	@find src tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# A stamp is written only after all of its recipe has succeeded: an interrupted install is taken up by the next call.

$(PACKAGE): pyproject.toml $(VENV)
	@echo "Installing skipline into .venv: once, and it takes a minute or more" >&2
	@$(PIP) --editable .
	@touch "$@"

$(DEV): pyproject.toml $(VENV)
	@echo "Installing skipline and what its tests need into .venv: once, and it takes a minute or more" >&2
	@$(PIP) --editable '.[dev]'
	@touch "$(PACKAGE)" "$@"

# Takes the first interpreter that is new enough and complete. An environment that somebody else made here is kept if
# it works; one of ours that no longer fits is replaced.
$(VENV):
	@set -- "$(PYTHON)"; \
	[ -n "$$1" ] || set -- python3.14 python3.13 python3.12 python3.11 python3 python; \
	python=; seen=; \
	if [ ! -e "$@" ] && "$(RUN)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && "$(RUN)" -m pip --version >/dev/null 2>&1; then \
	  python="$(RUN)"; set --; \
	fi; \
	for candidate; do \
	  version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  if ! "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    seen="$$seen $$candidate is $$version."; \
	  elif ! "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then \
	    seen="$$seen $$candidate is $$version without the venv module (Debian, Ubuntu: apt-get install python$$version-venv)."; \
	  else \
	    python=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "skipline needs Python 3.11 or newer with its venv module. Found:$${seen:- none.}" >&2; \
	  echo "Install it, or name one: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	if [ "$$python" != "$(RUN)" ]; then \
	  trap 'rm -rf .venv; exit 130' INT TERM HUP; \
	  "$$python" -m venv --clear .venv || { rm -rf .venv; exit 1; }; \
	fi; \
	pwd -P > "$@"
