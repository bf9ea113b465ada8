# check: seconds, no servers. test: everything, on real servers. bench, soak: by hand.
PYTHON ?= .venv/bin/python

.PHONY: check fast lint types test bench soak lock

check: lint types fast

lint:
	$(PYTHON) -m ruff format --check cli tests benchmarks
	$(PYTHON) -m ruff check cli tests benchmarks

types:
	$(PYTHON) -m mypy

fast:
	$(PYTHON) -m pytest -q

test: lint types
	$(PYTHON) -m pytest -q --stack

bench:
	$(PYTHON) -m benchmarks

soak:
	$(PYTHON) -m pytest -q --stack --soak tests/soak
