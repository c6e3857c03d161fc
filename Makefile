# The book and its tests. Everything runs in .venv, which is made from requirements.txt when it is
# missing or older than its sources; nothing is needed but Python 3.11-3.13 and make.
# Relative paths only, so that the checkout may lie in a folder with spaces in its name.

# What `make TARGET NAME=...` may set. Recipes read them as the shell's variables, in quotes, so that
# no value, not even one with `$(...)` in it, becomes a part of the Makefile or of a command.
SETTABLE := BOUNDS NOTEBOOK OLDEST PYTHON REPOSITORY WORKERS
# The oldest Python has the oldest packages, and the others can use these as well.
OLDEST ?= python3.11
# Two notebooks or tests at a time: each holds a framework, which takes the memory and the cores.
WORKERS ?= 2
BOUNDS ?= newest
$(foreach name,$(SETTABLE),$(eval override $(name) := $$(value $(name))))

# What the owner of this machine has set for Python, its tools and its libraries, or keeps for them
# in the home folder, stays out: packages would land elsewhere, figures look and tests end otherwise.
# Where packages come from, an index or a proxy, is for the owner to say.
FROM_WHERE := PIP_%URL PIP_FIND_LINKS PIP_NO_INDEX PIP_%CERT PIP_TRUSTED_HOST PIP_PROXY PIP_RETRIES \
	PIP_%TIMEOUT PIP_%CACHE_DIR PIP_CONFIG_FILE PIP_KEYRING_PROVIDER PIP_USE_%
FOREIGN := PIP_% PYTHON% PYTEST% COVERAGE_% MYPY% IPYTHON% JUPYTER_% MPL% MATPLOTLIB% KERAS_% TF_% \
	TORCH% LRLAB_PROGRESS COLUMNS LINES %COLOR %COLORS CLICOLOR_FORCE CDPATH \
	GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX
FOLDERS := IPYTHONDIR JUPYTER_CONFIG_DIR JUPYTER_DATA_DIR KERAS_HOME MPLCONFIGDIR
unexport $(filter-out $(FROM_WHERE),$(filter $(FOREIGN),$(.VARIABLES)))
$(foreach name,$(FOLDERS),$(eval $(name) := $$(CURDIR)/_build/settings))
export $(SETTABLE) $(FOLDERS)
export PYTHONUTF8 := 1

# The suitable interpreters: PYTHON, or the first of some.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ENV := .venv
lowest loops colab constraints: ENV = _build/$@
RUN = $(ENV)/bin/python
# Into the environment, even if a pip.conf says --user or --target. A module is compiled when it is
# first imported: to compile all 17,000 takes half of an installation, and a third of them are used.
PIP = $(RUN) -m pip --disable-pip-version-check install --quiet --no-compile \
	--no-user --target= --prefix "$$PWD/$(ENV)"
PYTEST = $(RUN) -m pytest --numprocesses "$$WORKERS"
# Sphinx makes millions of nodes that stay: looking for garbage among them takes a third of the time
# of a build in which nothing changed.
JUPYTER_BOOK = $(RUN) -c "import gc; gc.set_threshold(1_000_000); from jupyter_book.cli.main \
	import main; main()" build book --config _config.yml --toc "$$PWD/_toc.yml" \
	--path-output . --quiet

# The same conditions on every machine: small runs, on the CPU, without TensorFlow's start-up log.
TESTS := test unit coverage notebooks site execute lowest loops colab
$(TESTS) book pdf links: export KERAS_BACKEND := tensorflow
$(TESTS) book pdf links: export CUDA_VISIBLE_DEVICES :=
$(TESTS) book pdf links bench: export TF_CPP_MIN_LOG_LEVEL := 3
$(TESTS): export LRLAB_SCALE := quick
execute: export LRLAB_PROGRESS := 0
# PyTorch's builds for GPUs, where there is no driver.
$(TESTS): export PYTHONWARNINGS := ignore:CUDA initialization:UserWarning
# One thread a process: two processes share the cores, threads that wait for one another there
# slow a small network down tenfold, and results do not depend on how many cores there are.
$(TESTS): export OMP_NUM_THREADS := 1

.NOTPARALLEL:
.PHONY: help install constraints hooks format check test unit coverage notebooks site book pdf links \
	serve execute bench lowest loops colab configure clean

help:  ## list the targets (this is what `make` alone does)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: .venv/installed  ## make .venv from requirements.txt, if it is missing or out of date

.venv/installed: requirements.txt constraints.txt pyproject.toml
	@set -- "$$PYTHON"; test -n "$$1" || set -- python3 python3.13 python3.12 python3.11; \
	for python; do "$$python" -c "$(SUITABLE)" 2>/dev/null && exec "$$python" -m venv .venv; done; \
	echo "lrlab needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python" >&2; exit 1
	$(PIP) --requirement requirements.txt --constraint constraints.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

constraints:  ## renew constraints.txt after a change of requirements.txt (needs Python 3.11)
	"$$OLDEST" -m venv --clear $(ENV)
	$(PIP) --requirement requirements.txt
	$(RUN) -m pip freeze --all --exclude pip > $(ENV)/frozen
	@{ \
		echo "# Every package that requirements.txt brings along, for Python 3.11 to 3.13, in the"; \
		echo "# version that the book was built with. Written by \`make constraints\`."; \
		sed -E 's/[+].*//; /^(nvidia|cuda|triton)/d' $(ENV)/frozen; \
	} > constraints.txt
	rm -rf $(ENV)

hooks: install  ## run the quick checks before each commit
	$(RUN) -m pre_commit install

format: install  ## format the code and the notebooks, mend what can be mended
	$(RUN) -m ruff check --fix --quiet .
	$(RUN) -m ruff format --quiet .

check: install  ## lint, the import contract and types, without changing anything
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -c "from importlinter.cli import lint_imports_command as main; main()"
	$(RUN) -m mypy

test: check unit notebooks site  ## everything: lint, unit tests, every notebook, every page

unit: install  ## unit tests and doctests
	$(PYTEST) --dist worksteal --ignore=tests/site

# To trace each line makes the tests half as fast.
coverage: install  ## the same, and how much of lrlab they reach
	$(PYTEST) --dist worksteal --ignore=tests/site --cov

notebooks: install  ## execute every notebook and compare its outputs with the stored ones
	$(PYTEST) --nbval --nbval-current-env --nbval-sanitize-with book/nbval.cfg --dist loadfile book

site: install  ## build the book anew, warnings being errors, and open its pages in a browser
	$(JUPYTER_BOOK) --all -W --keep-going -n
	$(PYTEST) --dist worksteal tests/site

book: install  ## render the stored outputs into _build/html
	$(JUPYTER_BOOK)

pdf: book  ## print the book and the cheat sheet into _build/html; needs Chromium or Chrome
	$(RUN) -m tools.pdf

links: install  ## ask every address that the book names whether it still answers
	$(JUPYTER_BOOK) --builder linkcheck --all --path-output _build/links

serve: book  ## build the book and serve it on this machine
	$(RUN) -m http.server --bind 127.0.0.1 --directory _build/html 8000

execute: install  ## execute the notebooks in place and store their outputs; NOTEBOOK=... for one
	$(RUN) -m tools.execute "$$NOTEBOOK"

# on_a_gpu.py is for the minutes that one has a GPU for, and makes recorded runs as well.
bench: install  ## time what the book claims to be fast
	@for script in $(filter-out %/on_a_gpu.py, $(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(RUN) "$$script" || exit 1; \
	done

# Without warnings of what was to come when these releases were new.
lowest:  ## unit tests with the lowest versions that pyproject.toml admits (needs Python 3.11)
	"$$OLDEST" -m venv --clear $(ENV)
	$(RUN) -m tools.bounds > $(ENV)/requirements.txt
	$(PIP) --requirement $(ENV)/requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(PYTEST) --dist worksteal --ignore=tests/site -W ignore::DeprecationWarning

# The first release of each that the lines were tried with, or a newer one.
loops:  ## run the lines for Lightning, accelerate and transformers (needs Python 3.11)
	"$$OLDEST" -m venv --clear $(ENV)
	$(PIP) --requirement requirements.txt --constraint constraints.txt \
		--requirement tests/other_loops/requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(PYTEST) tests/other_loops

# lrlab brings what it needs, and goes again: each notebook's first cell is to install it.
colab:  ## run notebooks as Colab does, alone and without lrlab; BOUNDS=lowest needs Python 3.11
	"$${PYTHON:-python3}" -m venv --clear $(ENV)
	touch $(ENV)/newest
	$(RUN) -m tools.bounds > $(ENV)/lowest
	$(PIP) '.[keras,torch]' hatchling ipykernel nbclient --constraint "$(ENV)/$$BOUNDS"
	$(RUN) -m pip --disable-pip-version-check uninstall --quiet --yes lrlab
	$(RUN) -m tools.rehearse "$$NOTEBOOK"

configure:  ## write the repository's address where it belongs: REPOSITORY=owner/name
	@"$${PYTHON:-python3}" -m tools.configure "$$REPOSITORY"

clean:  ## remove what was built, .venv too
	rm -rf .venv _build *.egg-info .coverage* .*_cache .hypothesis
