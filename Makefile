# make help lists the targets. PYTHON is what makes .venv; everything else runs in it.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup demo prepare status reproduce-qwen-audio reproduce-qwen2-audio leaderboard verify compare regression \
	report export tiny-checkpoint test test-long bench bench-gpu docs lint format

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

setup: $(VENV)/ready  ## make .venv and install everything into it

$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one as make PYTHON=python3.12 setup"; exit 1; }
	@test -x $(RUN) || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[overlap]' || echo "cpWER and ORC-WER are left out: meeteval, which they need, could not be compiled; install a C++ compiler and Python's headers"
	@touch $@

demo: setup  ## every type of task on the committed miniature, with the small model that comes with the project
	@rm -rf results/runs/demo results/runs/demo-chat
	$(RUN) -m evaluate suite=demo model=tiny run.dir=results/runs/demo > /dev/null
	$(RUN) -m evaluate suite=demo_chat model=tiny_chat run.dir=results/runs/demo-chat > /dev/null
	$(RUN) -m results leaderboard results/runs/demo results/runs/demo-chat --layout board --rows tasks
	$(RUN) -m results report results/runs/demo results/runs/demo-chat --output results/runs/demo/report.html

prepare: setup  ## corpora of tasks: TASKS=TYPE/NAME,... or SUITE=NAME, DATA=FOLDER [SOURCE=ARCHIVES] [ARGS=...]
	@test -n "$(TASKS)$(SUITE)" && test -n "$(DATA)" || { echo 'say: make prepare TASKS=asr/librispeech,aac/clotho (or SUITE=NAME) DATA=FOLDER [SOURCE=FOLDER_OF_ARCHIVES]'; exit 2; }
	$(RUN) -m evaluate prepare $(if $(SUITE),suite=$(SUITE),tasks=$(TASKS)) 'data.root="$(DATA)"' $(if $(SOURCE),'source=$(SOURCE)') $(ARGS)

status: setup  ## what is prepared in DATA=FOLDER
	@test -n "$(DATA)" || { echo 'say: make status DATA=FOLDER'; exit 2; }
	$(RUN) -m datasets_prep status --root "$(DATA)"

reproduce-qwen-audio: setup  ## the paper's 12 sets, and its table beside ours: MODEL=CHECKPOINT DATA=PREPARED [ARGS="each.limit=100 ..."]
	@test -n "$(MODEL)" && test -n "$(DATA)" || { echo 'say: make reproduce-qwen-audio MODEL=FOLDER_OR_HUB_ID DATA=FOLDER_OF_PREPARED_CORPORA'; exit 2; }
	$(call reproduce,qwen_audio,qwen_audio_paper)

reproduce-qwen2-audio: setup  ## that paper's sets, likewise: MODEL=CHECKPOINT DATA=PREPARED [ARGS="each.limit=100 ..."]
	@test -n "$(MODEL)" && test -n "$(DATA)" || { echo 'say: make reproduce-qwen2-audio MODEL=FOLDER_OR_HUB_ID DATA=FOLDER_OF_PREPARED_CORPORA'; exit 2; }
	$(call reproduce,qwen2_audio,qwen2_audio_paper)

# A run in RUN_DIR, and what became of the paper's numbers in it; a run with failed samples (status 1) has its table too.
RUN_DIR ?= results/runs/$(1)-$(2)
define reproduce
$(RUN) -m evaluate suite=$(2) model=$(1) 'model.path="$(MODEL)"' 'data.root="$(DATA)"' 'run.dir="$(RUN_DIR)"' $(ARGS); \
	ended=$$?; test $$ended -le 1 || exit $$ended; \
	$(RUN) -m results verify "$(RUN_DIR)" || ended=$$?; exit $$ended
endef

leaderboard: setup  ## models beside models: RUNS="RUN ..." [ARGS="--format latex ..."]
	@test -n "$(RUNS)" || { echo 'say: make leaderboard RUNS="RUN RUN ..."'; exit 2; }
	$(RUN) -m results leaderboard $(RUNS) $(ARGS)

verify: setup  ## a run against what is published of its model: RUNS=RUN [ARGS="--model NAME"]
	@test -n "$(RUNS)" || { echo 'say: make verify RUNS=RUN [ARGS="--model NAME"]'; exit 2; }
	$(RUN) -m results verify $(RUNS) $(ARGS)

compare: setup  ## two runs, sample by sample: RUNS="RUN RUN" [ARGS="--flips 10 ..."]
	@test -n "$(RUNS)" || { echo 'say: make compare RUNS="RUN RUN"'; exit 2; }
	$(RUN) -m results compare $(RUNS) $(ARGS)

regression: setup  ## the tiny model against its baseline: fails for a loss [ARGS=--accept]
	@rm -rf results/runs/regression
	$(RUN) -m evaluate suite=regression data=miniature model=tiny run.dir=results/runs/regression
	$(RUN) -m results regression results/runs/regression --baseline tiny $(ARGS)

report: setup  ## a page to look at and listen to: RUNS="RUN ..." [OUTPUT=report.html] [ARGS=...]
	@test -n "$(RUNS)" || { echo 'say: make report RUNS="RUN ..." [OUTPUT=report.html]'; exit 2; }
	$(RUN) -m results report $(RUNS) --output "$(or $(OUTPUT),report.html)" $(ARGS)

export: setup  ## samples or scores for others: RUNS="RUN ..." TO=parquet|csv|model-card OUTPUT=FILE
	@test -n "$(RUNS)" && test -n "$(TO)" && test -n "$(OUTPUT)" || { echo 'say: make export RUNS="RUN ..." TO=parquet|csv|model-card OUTPUT=FILE'; exit 2; }
	$(RUN) -m results export $(RUNS) --to $(TO) --output "$(OUTPUT)" $(ARGS)

tiny-checkpoint: setup  ## train the small Qwen-Audio from nothing, under an hour on 2 cores; goes on where it was stopped
	$(RUN) -m evaluate.models.tiny.train build/tiny --cache build/lessons

test: setup lint  ## ruff, mypy and the tests
	$(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not long"

test-long: setup  ## the long forms of the tests
	$(RUN) -m pytest -q -m long

bench: setup  ## measure what is said to be faster, into results/benchmarks
	$(RUN) -m benchmarks.qwen2_audio_trim --write results/benchmarks/qwen2_audio_trim.md
	$(RUN) -m benchmarks.metrics --write results/benchmarks/metrics.md
	$(RUN) -m benchmarks.leaderboard --write results/benchmarks/leaderboard.md
	$(RUN) -m benchmarks.html_report --wait 60 --write results/benchmarks/html_report.md
	$(RUN) -m benchmarks.preparing --write results/benchmarks/preparing.md
	$(RUN) -m benchmarks.decoding --write results/benchmarks/decoding.md
	$(RUN) -m benchmarks.million --write results/benchmarks/million.md
	$(RUN) -m benchmarks.scaling --write results/benchmarks/scaling.md
	$(RUN) -m benchmarks.overhead --write results/benchmarks/overhead.md
	$(RUN) -m benchmarks.usual_way --write results/benchmarks/usual_way.md

bench-gpu: setup  ## a network of the released size on one GPU, into results/benchmarks
	$(RUN) -m benchmarks.gpu --write results/benchmarks/gpu.md

docs: setup  ## renew what is made from the code: docs/metrics.md, docs/tasks.md
	$(RUN) -m results metrics --format pages > docs/metrics.md
	$(RUN) -m evaluate.catalogue > docs/tasks.md

lint: setup  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup  ## let ruff write the files
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
