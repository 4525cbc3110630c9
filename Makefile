# Two commands do everything on a machine with Python 3.11+ and a package index: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
RESULTS ?= demo-results
BIN := $(VENV)/bin

.PHONY: demo test docs lint types clean

demo: $(VENV)/.installed-all
	PATH="$(CURDIR)/$(BIN):$$PATH" RESULTS="$(RESULTS)" sh benchmarks/demo.sh

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

# the documentation, from docs/ into site/index.html; nothing is fetched
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

$(VENV)/.installed-%: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) $(RESULTS) site
