# make help lists the targets. PYTHON is what makes .venv; everything else runs in it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long bench lint format

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/ready  ## make .venv and install everything into it

$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one as make PYTHON=python3.12 setup"; exit 1; }
	@test -x $(RUN) || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

demo: setup  ## answer a few committed clips with a model made on the spot, and print the table
	@rm -rf results/runs/demo results/runs/demo-whisper
	$(RUN) demo/make_whisper.py results/runs/demo-whisper
	$(RUN) -m evaluate suite=demo model=whisper model.name=random-whisper model.path=results/runs/demo-whisper run.dir=results/runs/demo
	@echo "The model is a tiny Whisper with random weights: it hears, but has learned nothing, and its error rate shows that."

test: setup lint  ## ruff, mypy and the tests
	$(RUN) -m pytest -q -n 2 --dist loadfile -m "not long"

test-long: setup  ## the long forms of the tests
	$(RUN) -m pytest -q -m long

bench: setup  ## measure what is said to be faster, into results/benchmarks
	$(RUN) -m benchmarks.qwen2_audio_trim --write results/benchmarks/qwen2_audio_trim.md

lint: setup  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup  ## let ruff write the files
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
