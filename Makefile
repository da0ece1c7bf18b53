# `make report` and `make test` need Python 3.11 or newer, make and a package index; nothing else has to be installed first.
# Every path here is relative, so that a checkout path with spaces works.

PYTHON ?= python3
AS_OF ?= 2026-10-31
PERIOD ?= 2026-10

RUN = .venv/bin/python
COMPLAINT = $(shell "$(PYTHON)" tools/check_python.py 2>/dev/null || echo "cs-analysis needs Python 3.11 or newer, but '$(PYTHON)' cannot be started: install it or name another one, such as PYTHON=python3.12, after 'make'")

# On loopback, with the notebooks, also in a container; without news, update checks and the extension store, which would call home.
LAB_OPTIONS = --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=notebooks --allow-root --log-level=WARN --LabApp.news_url=None \
	--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate --LabApp.extension_manager=readonly

# One thread a process: the work is spread over processes, and idle BLAS threads only get in their way.
report test test-fast notebooks course bench coverage: export OPENBLAS_NUM_THREADS = 1
report test test-fast notebooks course bench coverage: export OMP_NUM_THREADS = 1

.NOTPARALLEL:
.PHONY: help report test test-fast lint lab notebooks course bench coverage setup lock

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile | expand -t 18

report: setup  ## run every report on the demo data and say where the pages are
	@$(RUN) -m cs_analysis report --data data/demo --as-of $(AS_OF) --out reports/$(PERIOD)

test: setup  ## every test: package, docstrings, structure, stored notebook outputs
	@$(RUN) -m pytest -n 2 --dist loadscope --nbval --nbval-cell-timeout 120 tests src notebooks/reports notebooks/gallery.ipynb notebooks/course/solutions

test-fast: setup  ## the quick tests, without docstrings, in under two minutes
	@$(RUN) -m pytest -n 2 --dist loadscope -m "not slow" tests

lint: setup  ## style, formatting and types
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

lab: setup  ## JupyterLab with the notebooks, reachable from this machine only
	@$(RUN) -m jupyterlab $(LAB_OPTIONS)

notebooks: setup  ## run the notebooks again, store their outputs in them and make the sample pack anew
	@$(RUN) tools/make_notebooks.py

course: setup  ## make the lessons of the course from their sources, and run the solved ones
	@$(RUN) tools/make_course.py

bench: setup  ## measure speed and memory
	@for script in $(wildcard benchmarks/bench_*.py); do $(RUN) "$$script" || exit 1; done

coverage: setup  ## measure whether the intervals cover what they promise
	@for study in $(wildcard benchmarks/coverage/*.py); do $(RUN) "$$study" || exit 1; done

setup:  ## make .venv from requirements.lock; does nothing when it is current
	$(if $(COMPLAINT),$(error $(COMPLAINT)))
	@"$(PYTHON)" tools/setup_environment.py

lock: setup  ## write requirements.lock anew from pyproject.toml; newest versions with UPGRADE=1
	@$(RUN) tools/make_lock.py $(if $(UPGRADE),--upgrade)
