# Everything is set up by the target that needs it: a machine with Python 3.11 or later, pip, git and make is enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.made-from-lock

.PHONY: setup demo test quick explore lint peers spark foreign bench growth lock vectors man clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml auditor/pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . --editable ./auditor
	touch $@

demo: setup
	$(BIN)/python scripts/demo.py demo

# Tests wait for the disk in every vault that they make. Memory is as good to them, where there are 4 GB of it.
IN_MEMORY := $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}')" -gt 4000000 2>/dev/null && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)
PYTEST := $(IN_MEMORY) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: setup lint
	$(PYTEST)
	COFFER_PURE=1 $(PYTEST) -m "not slow" tests/procedures tests/segments

quick: setup
	$(PYTEST) -m "not slow"

explore: setup
	$(PYTEST) -m "not slow" --hypothesis-profile=explore

lint: setup
	$(BIN)/ruff check src auditor tests scripts
	$(BIN)/ruff format --check src auditor tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports --no-timings 2>/dev/null || $(BIN)/lint-imports

vectors: setup
	$(BIN)/python scripts/make_vectors.py

man: setup
	$(BIN)/python scripts/make_man.py build/man

# The peers have an environment of their own: chdb brings pandas, which pyarrow would read at every start of ours.
RECORDS ?= 7029000
PEERS := build/peers
$(PEERS)/.made-from-lock: requirements-bench.lock
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --require-hashes --requirement requirements-bench.lock
	touch $@

peers: $(PEERS)/.made-from-lock

# Spark has an environment of its own upon the project's: pyspark brings pandas, and 400 MB of Java.
SPARK := build/spark
$(SPARK)/.made-from-lock: requirements-spark.lock $(STAMP)
	$(PYTHON) -m venv $(SPARK)
	$(SPARK)/bin/pip install --quiet --require-hashes --no-deps --requirement requirements-spark.lock
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		> $$($(SPARK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/upon.pth
	touch $@

spark: $(SPARK)/.made-from-lock

# Programs of others that tests ask have an environment of their own: they need Python 3.12, and ours also runs on 3.11.
PYTHON312 ?= $(shell for one in python3.14 python3.13 python3.12 python3 $$HOME/.pyenv/versions/3.1[2-9].*/bin/python3; do \
	"$$one" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo "$$one" && break; done)
FOREIGN := build/foreign
$(FOREIGN)/.made-from-lock: requirements-foreign.lock
	@if [ -z "$(PYTHON312)" ]; then echo 'no Python 3.12 or later here: tests that ask programs of others skip'; \
	else $(PYTHON312) -m venv $(FOREIGN) \
	&& $(FOREIGN)/bin/pip install --quiet --require-hashes --requirement requirements-foreign.lock && touch $@; fi

foreign: $(FOREIGN)/.made-from-lock

bench: export PATH := $(PATH):$(CURDIR)/$(PEERS)/bin
bench: setup $(PEERS)/.made-from-lock
	$(BIN)/python bench/run.py --records $(RECORDS) --peers-python $(PEERS)/bin/python
	POLARS_MAX_THREADS=1 $(BIN)/python bench/readers.py
	$(BIN)/python bench/service.py
	$(BIN)/python bench/desk.py
	$(BIN)/python bench/parallel.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/window.py

# How the costs grow; the largest take an hour.
growth: setup $(PEERS)/.made-from-lock
	for records in 1000000 7029000 21087000 70271000; do \
		$(BIN)/python bench/run.py --records $$records --peers-python $(PEERS)/bin/python || exit 1; done
	$(BIN)/python bench/growth.py --peers-python $(PEERS)/bin/python --entries 1000 10000 100000 1000000
	$(BIN)/python bench/scale.py
	$(BIN)/python scripts/make_growth_plots.py

LOCKED := pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--strip-extras --allow-unsafe --no-header
COMPILE := $(BIN)/$(LOCKED)
lock:
	$(BIN)/pip install --quiet pip-tools
	$(COMPILE) --output-file requirements-bench.lock bench/peers.in
	$(COMPILE) --output-file requirements-spark.lock bench/spark.in
	$(PYTHON312) -m venv build/lock
	build/lock/bin/pip install --quiet pip-tools
	build/lock/bin/$(LOCKED) --output-file requirements-foreign.lock tests/interop/foreign.in
	$(COMPILE) $(addprefix --extra ,pictures pdf tally web pages postgresql pkcs11 stores kafka signatures age build test lint) --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv demo build
