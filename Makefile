# Two commands do everything on a machine with Python 3.11+ and a package index: make demo, make test.
# With uv instead of pip: make demo UV=1. The least versions allowed: make test UV=1 RESOLUTION=lowest-direct.
PYTHON ?= python3
VENV ?= .venv
RESULTS ?= demo-results
BIN := $(VENV)/bin
ifdef UV
RESOLUTION ?= highest
VERSIONS := $(if $(filter highest,$(RESOLUTION)),--constraint constraints.txt,--resolution $(RESOLUTION))
MAKE_ENVIRONMENT := uv venv --quiet --python $(PYTHON) $(VENV)
INSTALL := uv pip install --quiet --python $(BIN)/python $(VERSIONS)
else
MAKE_ENVIRONMENT := $(PYTHON) -m venv $(VENV)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
endif
# processes of tests share the cores, and what they import is compiled once
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

.PHONY: demo test kernels quick docs lint types clean

demo: $(VENV)/.installed-all
	$(BIN)/python benchmarks/demo.py --out "$(RESULTS)"

test: $(VENV)/.installed-dev
	$(PYTEST) -n auto --no-loadscope-reorder

# ranks are a property of the vectors: the exactness tests again, as on other processors (kernels of numpy's BLAS, and what
# the search's own loops are compiled for)
HASWELL := OPENBLAS_CORETYPE=Haswell NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma
SKYLAKE := OPENBLAS_CORETYPE=SkylakeX NUMBA_CPU_NAME=skylake-avx512 NUMBA_CPU_FEATURES=+avx,+avx2,+fma,+avx512f,+avx512bw
NEHALEM := OPENBLAS_CORETYPE=Nehalem NUMBA_CPU_NAME=nehalem NUMBA_CPU_FEATURES=

kernels: $(VENV)/.installed-dev
	for processor in "$(HASWELL)" "$(SKYLAKE)" "$(NEHALEM)"; do \
		env $$processor $(PYTEST) -m kernels || exit 1; \
	done

# while you work: what needs no Java, no training, no real data and no other process
quick: $(VENV)/.installed-dev
	$(PYTEST) -n auto --no-loadscope-reorder -m "not slow and not java and not train and not data"

# the documentation, from docs/ into site/index.html; nothing is fetched
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html; to search in it, serve it: $(BIN)/python -m http.server -d site"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

$(VENV)/.installed-%: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 ...")'
	@echo "setting up $(VENV): torch, sentence-transformers, pyserini and what they need, about 2 GB; 2 to 4 minutes, once"
	@test -x $(BIN)/python || $(MAKE_ENVIRONMENT)
	@PYTHON="$(BIN)/python" sh benchmarks/install.sh $(INSTALL) --editable ".[$*]"
	@touch $@

clean:
	rm -rf $(VENV) $(RESULTS) site
