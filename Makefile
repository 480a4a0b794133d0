# Everything is set up by the target that needs it: a machine with Python 3.11 or later, pip, git and make is enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.made-from-lock

.PHONY: setup demo test quick explore lint bench lock vectors man clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml auditor/pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . --editable ./auditor
	touch $@

demo: setup
	$(BIN)/python scripts/demo.py demo

test: setup lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

explore: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --hypothesis-profile=explore

lint: setup
	$(BIN)/ruff check src auditor tests scripts
	$(BIN)/ruff format --check src auditor tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports --no-timings 2>/dev/null || $(BIN)/lint-imports

vectors: setup
	$(BIN)/python scripts/make_vectors.py

man: setup
	$(BIN)/python scripts/make_man.py build/man

RECORDS ?= 7029000
bench: setup
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-bench.lock
	$(BIN)/python bench/run.py --records $(RECORDS)
	POLARS_MAX_THREADS=1 $(BIN)/python bench/readers.py
	$(BIN)/python bench/long_log.py
	$(BIN)/python bench/growth.py --peers-python $(BIN)/python
	$(BIN)/python bench/service.py
	$(BIN)/python bench/desk.py
	$(BIN)/python bench/parallel.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/window.py

lock:
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras \
		--allow-unsafe --no-header $(addprefix --extra ,pictures pdf tally web pages postgresql pkcs11 build test lint) --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv demo build
