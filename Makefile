# make run    the app: makes .venv when needed, starts, prints the address
# make test   every check: lint, types, import contracts, unit, property and browser tests (TESTS=tests/model for fewer)
# make lint   only lint, types and import contracts
# make .venv  the environment with .venv/bin/graphdebug in it

VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test lint $(VENV) clean

run: $(VENV)
	@exec $(BIN)/graphdebug serve

test: $(VENV)/.installed-test
	@.ci/browser
	@.ci/triton
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

lint: $(VENV)/.installed-test
	@$(BIN)/python -m pytest tests/test_house.py

$(VENV): $(VENV)/.installed

$(VENV)/.installed: requirements.txt pyproject.toml .ci/venv
	@.ci/venv requirements.txt
	@touch $@

$(VENV)/.installed-test: requirements-test.txt $(VENV)/.installed
	@.ci/venv requirements-test.txt
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
