# check: seconds, no servers. test: everything, on real servers. bench, soak: by hand.
PYTHON ?= .venv/bin/python

.PHONY: check fast lint types test serverless stack bench soak docs lock

check: lint types fast

lint:
	$(PYTHON) -m ruff format --check cli tests benchmarks docs
	$(PYTHON) -m ruff check cli tests benchmarks docs

types:
	$(PYTHON) -m mypy

fast:
	$(PYTHON) -m pytest -q -n 2 --dist worksteal

# What needs no server runs beside the rest, and gives way to it: the rest waits more than it works, and measures time.
test: lint types
	$(MAKE) -j 2 stack serverless

serverless:
	nice $(PYTHON) -m pytest -q --stack --ignore tests/stack --ignore tests/soak

stack:
	$(PYTHON) -m pytest -q --stack -n 2 --dist loadscope tests/stack

bench:
	$(PYTHON) -m benchmarks

soak:
	$(PYTHON) -m pytest -q -n 2 --dist worksteal --soak --ignore tests/soak
	$(PYTHON) -m pytest -q -s --stack --soak tests/soak \
	  tests/stack/test_loop.py tests/stack/test_sigterm.py tests/stack/test_validator.py

docs:
	$(PYTHON) docs/generate.py

# Pinned wheels with hashes, for every platform and Python from 3.11; then the jars.
lock:
	$(PYTHON) -m uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	  --extra local --extra dev -o requirements.lock pyproject.toml
	$(PYTHON) -m uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	  --extra postgres -c requirements.lock -o init/images/requirements.lock pyproject.toml
	$(PYTHON) -m streamguard jars lock
	$(PYTHON) docs/licences.py
