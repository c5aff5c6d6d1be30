# Each target sets itself up in .venv with the python3 on the path; what stands is not done again.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())')
ifeq ($(VERSION),)
$(error '$(PYTHON)' does not run: put a Python 3.10 or later on the path, or name it with PYTHON=)
endif

# Stamps. Another python3 makes another name, and so a new environment.
MADE := $(VENV)/.made-$(VERSION)
RUNTIME := $(VENV)/.runtime-$(VERSION)
DEV := $(VENV)/.dev-$(VERSION)
INSTALL := $(BIN)/python -m pip --disable-pip-version-check -qq install

# Most of the time goes by in waiting for programs that tests start: files take turns.
PARALLEL := -n 2 --dist loadfile

.PHONY: help demo test integration bench lint types coverage format hooks bump release-check package clean
.NOTPARALLEL:

help:
	@echo "make demo         replay a sample trace against the simulated gateway, with a report"
	@echo "make test         unit tests"
	@echo "make integration  tests against the real gateway, the official Protocol and the built wheel"
	@echo "make bench        what the client costs: time per token, CPU and memory of a run"
	@echo "make lint         ruff, the import contract, workflows, changelog and version, the length of modules"
	@echo "make types        mypy on src"
	@echo "make coverage     unit tests with coverage, 90 % at least"
	@echo "make format       let ruff format and fix"
	@echo "make hooks        let git check each commit and each push of this clone"
	@echo "make bump PART=minor|build  raise the version and give it what is unreleased"
	@echo "make release-check [TAG=v...]  is what is committed a release?"
	@echo "make package      build the released wheel and the plain one, and try both; uploads nothing"
	@echo "make clean        remove the environment and what was built"

demo: $(RUNTIME)
	$(BIN)/sagellm-benchmark demo

test: $(DEV)
	$(BIN)/python -m pytest -m "not integration" $(PARALLEL)

integration: $(DEV)
	$(BIN)/python -m pytest -m integration -ra $(PARALLEL)

bench: $(DEV)
	$(BIN)/python benchmarks/client.py

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/rules.py form
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/issue.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml deploy/compose.gateway.yaml
	@find src -name '*.py' -exec wc -l {} + | awk '$$2 != "total" && $$1 > 330 \
		{ print $$2 ": " $$1 " lines, 330 at most: split it"; bad = 1 } END { exit bad }'

types: $(DEV)
	$(BIN)/mypy

# The unit tests once: most with their own process watched, a few with the programs that they start, and
# what measures speed with none. Of workers, which live in such programs alone, a run of two.
FOLLOWED := $(addprefix tests/load/test_,closed_loop.py refusals.py tls.py manifest.py gateway.py) \
	tests/web/test_page.py
WORKERS := tests/load/cluster/test_processes.py::test_two_workers_replay_one_schedule
COVERED := $(BIN)/python -m pytest -m "not integration" --cov=sagellm_benchmark $(PARALLEL)

coverage: $(DEV)
	$(COVERED) --cov-report= $(FOLLOWED:%=--ignore=%)
	$(BIN)/python -m pytest -m integration --cov=sagellm_benchmark --cov-append \
		--cov-config=.ci/processes.coveragerc --cov-report= $(WORKERS)
	$(COVERED) --cov-append --cov-config=.ci/processes.coveragerc --cov-report=term:skip-covered \
		--cov-report=html --cov-fail-under=90 $(FOLLOWED)
	$(BIN)/python -m pytest -m "speed and not integration"

format: $(DEV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

hooks: $(DEV)
	git config core.hooksPath .githooks

bump:
	@$(PYTHON) .ci/rules.py bump "$(PART)"

release-check:
	@$(PYTHON) .ci/rules.py form
	@$(PYTHON) .ci/rules.py release $(TAG)

package: $(MADE)
	$(BIN)/python .ci/package.py $(ALSO_ON)

clean:
	rm -rf $(VENV) build dist htmlcov .coverage src/*.egg-info

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed; $(PYTHON) is $(VERSION)")'
	@echo "$(VENV): Python $(VERSION)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUNTIME): pyproject.toml | $(MADE)
	@echo "$(VENV): the package and what it needs"
	@$(INSTALL) --editable .
	@touch $@

$(DEV): pyproject.toml | $(MADE)
	@echo "$(VENV): the package, what it needs and the tools of its developers"
	@$(INSTALL) --editable '.[dev]'
	@touch $(RUNTIME) $@
