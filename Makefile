# c2fseg in two commands: `make demo` and `make test`. `make` alone lists all of them.
#
# Everything is installed into $(VENV), in the versions of requirements/constraints.txt. A stamp per
# step keeps a second call from installing anything again; `make clean-venv` starts over.

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
# Arguments for pip, such as: make demo PIP_ARGS="--find-links FOLDER-WITH-WHEELS"
PIP_ARGS ?=
# A ready wheel of mmcv with operators, so that nothing is compiled: make detector MMCV_WHEEL=FILE
MMCV_WHEEL ?=
# Arguments for pytest, such as: make test PYTEST_ARGS="tests/structures -x"
PYTEST_ARGS ?=
# Arguments for the page, such as: make web WEB_ARGS="--port 8000"
WEB_ARGS ?=
# Processes that share the test suite, each on one core.
JOBS ?= 2

PY := $(VENV)/bin/python
STAMPS := $(VENV)/.c2fseg
PIP := $(PY) -m pip install -qq --disable-pip-version-check $(PIP_ARGS) \
	-c requirements/constraints.txt
TYPED := c2fseg/structures c2fseg/evaluation c2fseg/models/decoding

.DEFAULT_GOAL := help
.PHONY: help install detector demo demo-detect demo-video web browser test lint format types shapes shapes-video shapes-instances train-shapes train-detector clean clean-venv
.DELETE_ON_ERROR:

help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

install: $(STAMPS)/core ## create .venv and install the library into it

detector: $(STAMPS)/detector ## install mmdet, for pictures without masks (compiles mmcv once a machine)

demo: $(STAMPS)/core ## complete hidden objects of sample pictures with the shipped weights
	$(PY) demo/image_demo.py

demo-detect: $(STAMPS)/detector ## find the objects of sample pictures, then complete them
	$(PY) demo/image_demo.py demo/data --detector configs/detectors/rtmdet_ins_shapes.py \
		weights/rtmdet_ins_shapes.pth --out-dir outputs/demo_detect

demo-video: $(STAMPS)/core ## complete hidden objects of a sample clip with the shipped weights
	$(PY) demo/video_demo.py

web: $(STAMPS)/demo ## start a page that completes objects of your pictures, for this machine only
	$(PY) demo/web_demo.py $(WEB_ARGS)

browser: ## install Chromium, which tests of the page need (as root on Debian and Ubuntu)
	@if command -v chromium chromium-browser google-chrome >/dev/null; then \
		echo "A Chromium is there."; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing chromium"; apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
			>/dev/null; \
	else \
		echo "No Chromium is there and this is not root with apt-get: install one by hand, or the" \
			"tests of the page are skipped."; \
	fi

test: $(STAMPS)/tests ## run the whole test suite
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) $(PYTEST_ARGS)

lint: $(STAMPS)/dev ## check style and layout of the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(STAMPS)/dev ## bring style and layout in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(STAMPS)/dev ## check types
	$(PY) -m mypy $(TYPED)

shapes: $(STAMPS)/core data/shapes/.complete ## make the built-in data set in data/shapes

data/shapes/.complete: | $(STAMPS)/core
	$(PY) tools/dataset_converters/make_shapes.py --out data/shapes
	@touch $@

shapes-video: $(STAMPS)/core data/shapes_video/.complete ## make the built-in clips in data/shapes_video

data/shapes_video/.complete: | $(STAMPS)/core
	$(PY) tools/dataset_converters/make_clips.py --out data/shapes_video
	@touch $@

train-shapes: shapes ## train both stages on the built-in data, on the CPU
	$(PY) tools/train.py configs/vqgan_shapes.py
	$(PY) tools/train.py configs/c2f_shapes.py --cfg-options \
		model.tokenizer.init_cfg.checkpoint="$$(cat work_dirs/vqgan_shapes/last_checkpoint)"

shapes-instances: shapes ## write the visible masks of the built-in data for detectors
	for split in train val test; do $(PY) tools/dataset_converters/to_coco_instances.py \
		data/shapes/annotations/shapes_$$split.json \
		data/shapes/annotations/instances_$$split.json || exit; done

train-detector: $(STAMPS)/detector shapes-instances ## train the small detector, on the CPU
	$(PY) tools/train.py configs/detectors/rtmdet_ins_shapes.py

clean: ## remove what the tools wrote: outputs, caches, build folders
	rm -rf outputs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .dist_test

clean-venv: ## remove the virtual environment
	rm -rf $(VENV)

# --- installation -----------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "c2fseg needs Python 3.10 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." \
		"Name another one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Could not create $(VENV). On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(STAMPS)/core: requirements/runtime.txt requirements/constraints.txt setup.py | $(PY)
	@echo "Installing torch and the other packages that c2fseg needs (once; a minute or more)"
	@$(PIP) setuptools wheel
	@$(PIP) -r requirements/runtime.txt
	@$(PY) -m pip show --quiet mmcv 2>/dev/null || { \
		echo "Installing mmcv-lite"; $(PIP) mmcv-lite; }
	@echo "Installing c2fseg from this folder"
	@$(PIP) --no-deps --no-build-isolation -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/demo: $(STAMPS)/core requirements/demo.txt
	@echo "Installing what the page needs"
	@$(PIP) -r requirements/demo.txt
	@touch $@

# mmdet needs mmcv with compiled operators, which takes the place of mmcv-lite.
$(STAMPS)/detector: $(STAMPS)/core tools/install_mmcv.py requirements/detector.txt
	@$(PY) tools/install_mmcv.py --pip-args="$(PIP_ARGS)" \
		$(if $(MMCV_WHEEL),--wheel "$(MMCV_WHEEL)")
	@echo "Installing mmdet"
	@$(PIP) -r requirements/detector.txt
	@touch $@

$(STAMPS)/tests: $(STAMPS)/detector requirements/tests.txt
	@echo "Installing what the tests need"
	@$(PIP) -r requirements/tests.txt
	@touch $@

# Style and types need no detector, so nothing is compiled for them.
$(STAMPS)/dev: $(STAMPS)/core requirements/tests.txt requirements/dev.txt
	@echo "Installing ruff, mypy and pre-commit"
	@$(PIP) -r requirements/dev.txt
	@touch $@
