PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# TORCH_BACKEND=cpu, in the environment, saves 5 GB of CUDA libraries.
TORCH := $(if $(TORCH_BACKEND),--torch-backend=$(TORCH_BACKEND))
# Many tests wait more than they compute, so there are more processes than cores of a small machine.
# Each has servers of its own and takes whole files, in the order of tests/conftest.py.
WORKERS ?= 4
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Each would compile all tests anew in each run where Python may not keep what it compiled.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test faults test-stack test-k8s lint docs manifests test-lowest coverage lock audit bench mutation gpu-check

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Velox needs Python 3.11 or newer, not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_BACKEND),)
	$(BIN)/python -m pip install --disable-pip-version-check "$$(grep '^uv==' requirements-dev.txt)"
	grep '^torch' requirements.txt | $(BIN)/uv pip install --python $(BIN)/python $(TORCH) -r -
endif
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed-dev
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-bench.txt
	@touch $@

demo: $(VENV)/.installed ## run the whole pipeline here; IMAGES=500 ends it after so many
	@$(BIN)/python demo.py

test: $(VENV)/.installed-dev ## set up and run the tests
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

faults: $(VENV)/.installed-dev ## the fault tests in their long forms, on a real Kafka and mongod
	$(BIN)/python -m pytest -m "long or not long" tests/faults $(ARGS)

test-lowest: $(VENV)/.installed-dev ## run the fast tests on the lowest versions that requirements.txt allows
	$(PYTHON) -m venv --clear .venv-lowest
	$(BIN)/uv pip install --python .venv-lowest/bin/python $(TORCH) --resolution lowest-direct -r requirements.txt
	grep -E '^(pillow|pytest|pytest-timeout|pytest-xdist|pyyaml)==' requirements-dev.txt \
	  | $(BIN)/uv pip install --python .venv-lowest/bin/python -r -
	.venv-lowest/bin/python -m pytest $(PARALLEL) tests/unit \
	  tests/integration/engine tests/integration/test_command_line.py $(ARGS)

coverage: $(VENV)/.installed-dev ## run the tests and fail below 90 % of lines, processes included
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutation: $(VENV)/.installed-dev ## change what must not be wrong, and show what no test notices; slow
	$(BIN)/python -m tests.rig.mutation $(ARGS)

test-stack: $(VENV)/.installed-dev ## put the Compose stack through its promises; needs Docker
	$(BIN)/python -m tests.stack.run $(ARGS)

test-k8s: $(VENV)/.installed-dev ## put the manifests to the test in the cluster of the current kubectl context
	$(BIN)/python -m tests.k8s.run $(ARGS)

bench: $(VENV)/.installed-bench ## measure on this machine; ARGS="--only engine" for a part
	$(BIN)/python -m bench.run $(ARGS)

# The machine may have no network: without an environment here, the Python that is there will do.
gpu-check: ## check and measure on a GPU of this machine, in at most 8 minutes
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m bench.gpu.check $(ARGS)

lint: $(VENV)/.installed-dev ## ruff, flake8, mypy and shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 . --max-line-length=120
	$(BIN)/mypy
	$(BIN)/shellcheck $$(git ls-files '*.sh' .ci)

# Renovate takes the command from the head of the file: no option that it does not know, each with "=".
lock: $(VENV)/.installed-dev ## write requirements.lock, which the image is built from
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version=3.11 \
	  --output-file=requirements.lock requirements.txt requirements-onnx.txt

audit: ## look for known vulnerabilities in the locked packages; installs none of them
	$(PYTHON) -m venv --clear .venv-audit
	.venv-audit/bin/python -m pip install --quiet "$$(grep '^pip-audit==' requirements-dev.txt)"
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

docs: $(VENV)/.installed-dev ## write the tables of settings (docs/configuration.md) and of errors (docs/errors.md)
	$(BIN)/python -m tests.docs.settings_table
	$(BIN)/python -m tests.docs.errors_table

manifests: $(VENV)/.installed-dev ## write what is generated of k8s-manifests/
	$(BIN)/python k8s-manifests/generate.py
