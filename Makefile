# The book and its tests. Everything runs in .venv, which is made from requirements.txt when it is
# missing or older than its sources; nothing is needed but Python 3.11-3.13 and make.
# Relative paths only, so that the checkout may lie in a folder with spaces in its name.

# The interpreter that .venv is made with: the first suitable one, or `make PYTHON=...`.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c "$(SUITABLE)" 2>/dev/null && echo $$python && break; done)
# The oldest Python has the oldest packages, and the others can use these as well.
OLDEST ?= python3.11

RUN := .venv/bin/python
JUPYTER_BOOK := $(RUN) -c "from jupyter_book.cli.main import main; main()" build book \
	--config _config.yml --toc "$(CURDIR)/_toc.yml" --path-output . --quiet

# Two notebooks or tests at a time: each holds a framework, which takes the memory and the cores.
WORKERS ?= 2
PYTEST := $(RUN) -m pytest --numprocesses $(WORKERS)

# The same conditions on every machine: small runs, on the CPU, without TensorFlow's start-up log.
book test unit notebooks site links execute: export KERAS_BACKEND := tensorflow
book test unit notebooks site links execute bench: export TF_CPP_MIN_LOG_LEVEL := 3
test unit notebooks site execute: export LRLAB_SCALE := quick
book test unit notebooks site links execute: export CUDA_VISIBLE_DEVICES :=
execute: export LRLAB_PROGRESS := 0
# One thread a process: two processes share the cores, threads that wait for one another there
# slow a small network down tenfold, and results do not depend on how many cores there are.
test unit notebooks site execute: export OMP_NUM_THREADS := 1

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.NOTPARALLEL:
.PHONY: help install constraints hooks format check test unit notebooks site book links \
	serve execute bench configure clean

help:  ## list the targets (this is what `make` alone does)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: .venv/installed  ## make .venv from requirements.txt, if it is missing or out of date

.venv/installed: requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c "$(SUITABLE)" || { \
		echo "lrlab needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	"$(PYTHON)" -m venv .venv
	$(RUN) -m pip install --quiet --requirement requirements.txt \
		--constraint constraints.txt
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

constraints:  ## renew constraints.txt after a change of requirements.txt (needs Python 3.11)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(OLDEST) -m venv "$$folder" && \
	"$$folder/bin/python" -m pip install --quiet --requirement requirements.txt && \
	"$$folder/bin/python" -m pip freeze --all --exclude pip > "$$folder/frozen" && { \
		echo "# Every package that requirements.txt brings along, for Python 3.11 to 3.13, in the"; \
		echo "# version that the book was built with. Written by \`make constraints\`."; \
		sed -E 's/[+].*//; /^(nvidia|cuda|triton)/d' "$$folder/frozen"; \
	} > constraints.txt

hooks: install  ## run the quick checks before each commit
	.venv/bin/pre-commit install

format: install  ## format the code and the notebooks, mend what can be mended
	$(RUN) -m ruff check --fix --quiet .
	$(RUN) -m ruff format --quiet .

check: install  ## lint, the import contract and types, without changing anything
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	.venv/bin/lint-imports
	$(RUN) -m mypy

test: check unit notebooks site  ## everything: lint, unit tests, every notebook, every page

unit: install  ## unit tests and doctests, and how much of lrlab they reach
	$(PYTEST) --ignore=tests/site --cov

notebooks: install  ## execute every notebook and compare its outputs with the stored ones
	$(PYTEST) --nbval --nbval-current-env --nbval-sanitize-with book/nbval.cfg --dist loadfile book

site: install  ## build the book anew, warnings being errors, and open its pages in a browser
	$(JUPYTER_BOOK) --all -W --keep-going -n
	$(PYTEST) --dist loadfile tests/site

book: install  ## render the stored outputs into _build/html
	$(JUPYTER_BOOK)

links: install  ## ask every address that the book names whether it still answers
	$(JUPYTER_BOOK) --builder linkcheck --all --path-output _build/links

serve: book  ## build the book and serve it on this machine
	$(RUN) -m http.server --bind 127.0.0.1 --directory _build/html 8000

execute: install  ## execute the notebooks in place and store their outputs; NOTEBOOK=... for one
	$(RUN) -m tools.execute "$(NOTEBOOK)"

bench: install  ## time what the book claims to be fast
	@for script in benchmarks/*.py; do echo "== $$script"; $(RUN) "$$script" || exit 1; done

configure:  ## write the repository's address where it belongs: REPOSITORY=owner/name
	@"$(PYTHON)" -m tools.configure "$$REPOSITORY"

clean:  ## remove what was built, .venv too
	rm -rf .venv _build *.egg-info .coverage* .*_cache .hypothesis
