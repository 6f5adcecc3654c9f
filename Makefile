# Everything a user or CI does, one word each; `make` alone prints this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := data/demo/cxlab.toml
JOBS ?= 2
# No MPLBACKEND here: a kernel keeps a backend that is set already, and would lose every figure.
SETTINGS := TZ=UTC LC_ALL=C.UTF-8 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# INSTALLER=uv uses uv where it is installed; pip is the default because it reads every site's own pip settings.
INSTALLER ?= pip

help: ## print the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP) ## build .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("cxlab needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
ifeq ($(INSTALLER),uv)
	uv pip install --python $(BIN)/python --compile-bytecode -r requirements.lock
	uv pip install --python $(BIN)/python --no-deps -e .
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@touch $@

$(DEMO): $(STAMP) $(wildcard cxlab/simulation/*.py)
	$(BIN)/cxlab demo --out data/demo

demo: $(DEMO) ## make the demo network in data/demo (a dealer network whose truth is known)

reports: $(DEMO) ## make the demo network and its reports; prints the path of the index
	$(SETTINGS) $(BIN)/cxlab batch reports/demo.yml --data data/demo --out reports/runs/demo --jobs $(JOBS)

test: $(DEMO) lint ## all tests: known truth, references, properties, notebooks (about 13 minutes on 2 cores)
	$(SETTINGS) $(BIN)/python -m pytest -m "not statistics" -n $(JOBS) --dist loadfile
	$(SETTINGS) $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=300 -n $(JOBS) --dist loadfile notebooks

test-statistics: $(STAMP) ## the long simulations of coverage and error rates (tens of minutes, ONLY=tests/stats for a part); renews docs/simulations.md
	$(SETTINGS) $(BIN)/python -m pytest -m statistics -n $(JOBS) --dist worksteal --figures docs/simulations.md $(or $(ONLY),tests)

test-browser: $(DEMO) ## every notebook in JupyterLab and the pages, in a real Chromium (many minutes)
	$(SETTINGS) $(BIN)/python -m pytest tests/browser

axe: $(STAMP) ## fetch axe-core, which the browser tests check pages with, into the cache (needs npm)
	$(BIN)/python tests/browser/axe.py

rules: $(STAMP) ## try the 106 rules of the hostile catalogue beside plain pandas; writes docs/rules.md
	$(SETTINGS) PYTHONPATH=tests/hostile $(BIN)/python tests/hostile/rules_table.py docs/rules.md

coverage: $(DEMO) ## the lines of cxlab that tests and notebooks run, kernels counted (installs pytest-cov; tens of minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[coverage]"
	$(SETTINGS) $(BIN)/python -m pytest -m "not statistics" -n $(JOBS) --dist loadfile --cov=cxlab --cov-report=
# One process: what kernels ran is lost between pytest-xdist's.
	$(SETTINGS) $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=300 \
	  --cov=cxlab --cov-append --cov-report=term:skip-covered notebooks

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: $(DEMO) ## say what is in a data folder: make check DATA=path
	$(BIN)/cxlab check $(or $(DATA),data/demo)

lab: $(DEMO) ## open JupyterLab on a start page that leads to the notebooks
	$(BIN)/jupyter lab --notebook-dir=. notebooks/00_start.ipynb

notebooks: $(DEMO) ## run the notebooks in place and keep their outputs (after a change that moves numbers)
	$(SETTINGS) $(BIN)/jupyter nbconvert --to notebook --execute --inplace --log-level=WARN \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

format: $(STAMP) ## format code and notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## the benchmarks beside their peers (installs the peers)
	$(BIN)/python -m pip install --quiet -e ".[bench]"
	@for one in benchmarks/*.py; do echo "== $$one"; $(SETTINGS) $(BIN)/python $$one || exit 1; done

mutants: $(STAMP) ## mutation testing of typing, scoring, redaction, suppression (MODULE="cxlab.core.suppression.*" for one; tens of minutes)
	$(BIN)/python -m pip install --quiet -e ".[mutants]"
	$(SETTINGS) $(BIN)/mutmut run --max-children $(JOBS) $(MODULE)
	$(BIN)/mutmut results

lock: $(STAMP) ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock

clean: ## remove everything that was generated
	rm -rf .venv data/demo reports/runs build mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

.PHONY: help setup demo reports test test-statistics test-browser axe rules coverage lint check lab notebooks format bench mutants lock clean
