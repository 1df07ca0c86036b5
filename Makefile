# Two commands are enough: `make serve` and `make test`. The plain lines behind them stand in the README.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PEERS  := build/peers

.DEFAULT_GOAL := help
.PHONY: help serve test check types chaos fuzz clean peers bench profile bench-peers bench-hot bench-listeners bench-overload \
	bench-rebuild bench-waiting

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip setuptools
	@# setuptools warns of editable packages that bear a folder's name; ours are mapped and cannot be taken for it
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fast,dev]'
	@touch $@

serve: $(VENV)/.installed ## Set up, then run the server on port 3000 with its own database
	$(BIN)/boxoffice serve

test: $(VENV)/.installed ## Set up, then run all tests
	@# a third of the tests' time is waiting: for three of them, two cores are enough; the small files come last
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.installed types ## Lint, format and types, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: # links under which mypy sees the packages by their real names
	@mkdir -p build/types/boxoffice
	@for folder in actors bench client http persistence; do ln -sfn ../../../$$folder build/types/boxoffice/$$folder; done

SECONDS ?= 60
chaos: $(VENV)/.installed ## Break everything for SECONDS=60 with SEED=any, and see that no promise was broken
	$(BIN)/python tests/simulation/chaos.py --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.installed ## Send what the API document allows, and what it does not, for SECONDS=60 with SEED=any
	FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest tests/e2e/test_schemathesis.py -s $(ARGS)

# What is compared with boxoffice has a virtual environment and a node_modules of its own. Without npm, the peer that
# needs it is left out, and the results say so.
peers: $(PEERS)/.installed ## Set up what boxoffice is compared with

$(PEERS)/.installed: bench/peers/requirements.txt bench/peers/express/package.json
	$(PYTHON) -m venv $(PEERS)/venv
	$(PEERS)/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement bench/peers/requirements.txt
	@mkdir -p $(PEERS)/node && cp bench/peers/express/package.json $(PEERS)/node/
	if command -v npm >/dev/null; then npm install --prefix $(PEERS)/node --omit=dev --no-audit --no-fund --loglevel=error; fi
	@touch $@

bench: $(VENV)/.installed peers ## Measure everything, in ten minutes, and write bench/RESULTS.md (needs wrk)
	$(BIN)/python bench/trials/results.py $(ARGS)

bench-peers: $(VENV)/.installed peers ## The same load on boxoffice and on what else one would build, in turn
	$(BIN)/python bench/trials/peers.py $(ARGS)

profile: $(VENV)/.installed ## Where the time of one booking goes, and how large batches grow (needs wrk)
	$(BIN)/python bench/trials/stages.py $(ARGS)

bench-hot: $(VENV)/.installed ## Durable bookings per second on one event, as a ratio to a handler that does nothing
	$(BIN)/python bench/trials/hot_event.py $(ARGS)

bench-listeners: $(VENV)/.installed ## What 5,000 listeners see of a hot event, what they take, and how much they slow it
	$(BIN)/python bench/trials/listeners.py $(ARGS)

bench-overload: $(VENV)/.installed ## What is booked when 1, 2 and 3 times as much is asked as can be done
	$(BIN)/python bench/trials/overload.py $(ARGS)

bench-rebuild: $(VENV)/.installed ## How fast 500,000 live orders come back at start-up, and what they weigh
	$(BIN)/python bench/trials/rebuild.py $(ARGS)

bench-waiting: $(VENV)/.installed ## What 100,000 in line cost, as a ratio to a thousand
	$(BIN)/python bench/trials/waiting_list.py $(ARGS)

clean: ## Remove the virtual environment and what the tools leave behind (never your data)
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
