# Journey Warehouse. `make` lists what can be done; `make run` and `make test` set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
export PYTHON
RUN := .venv/bin/python -m orchestration

# What is given on the command line, NAME=value, reaches recipes through the environment exactly as it was typed: neither make nor the
# shell reads it. So a recipe says "$$FILE" and never $(FILE). These names are common, so they are not taken from the environment of make.
OPTIONS := CUSTOMERS DAYS SEED HOUSEHOLDS CLOCK JOURNEY FILE CASE ACTIVITY TIME CUSTOMER SESSION END INTO TIME_FORMAT ZONE NAME TABLE SOURCE REASON COLUMN ID NOTE UNDO TO TYPE VALUE IN SQL ARGS SIZES PARTS BUILT LABELLED DIRT PEOPLE ONLY ANYWAY KILLS MUTATIONS PUBLISHES WRITERS DAEMONS METRICS BY WHERE SINCE UNTIL HTTP FROM JSON TARGET
is_given = $(findstring command line,$(origin $(1)))
$(foreach option,$(OPTIONS),$(if $(call is_given,$(option)),,$(eval override $(option) :=)))
$(foreach variable,$(.VARIABLES),$(if $(call is_given,$(variable)),$(eval override $(variable) := $$(value $(variable)))$(eval export $(variable))))
# the engine that builds the models: every command that builds or asks what was built takes it
$(if $(TARGET),$(eval export JOURNEYS_TARGET := $$(value TARGET)))
for_target = $(if $(filter spark,$(or $(TARGET),$(JOURNEYS_TARGET))),setup-spark)
# $(call option,time-format,TIME_FORMAT) is --time-format=<value> where a value is given
option = $${$(2):+"--$(1)=$$$(2)"}

SIZE = $(call option,customers,CUSTOMERS) $(call option,days,DAYS) $(call option,seed,SEED) $(call option,households,HOUSEHOLDS)
ROWS = $(call option,table,TABLE) $(call option,reason,REASON) $(call option,column,COLUMN) $(call option,file,FILE)

.PHONY: help setup run up check journey-check import-log new-source staging-model test test-all test-draws lint lint-python lint-yaml lint-sql format docs docs-outputs docs-tables bench bench-components bench-landing lock withdraw restore quarantine requeue land-again accept rebuild rollback releases hash rotate-key sql dbt digests send-digests identity-diff identity-train unions sbom bench-identity bench-journeys bench-attribution bench-flows clean report test-faults docs-pictures dashboard metrics mcp docs-site compare publish-postgres superset test-superset bench-pages setup-spark spark-up spark-down test-spark

help:  ## Start: list the targets
	@awk -F'  ## ' '/^[a-z-]+:.*  ## / { \
		name = $$1; sub(/:.*/, "", name); group = $$2; sub(/:.*/, "", group); text = substr($$2, length(group) + 3); \
		if (!(group in lines)) order[++groups] = group; \
		count = split(text, part, / \| /); line = sprintf("  %-17s %s\n", name, part[1]); \
		for (n = 2; n <= count; n++) line = line sprintf("  %17s %s\n", "", part[n]); \
		lines[group] = lines[group] line } \
		END { split("Start,Own data,Landed files,Releases,Identities,Development,Benchmarks", wanted, ","); \
		for (n = 1; n in wanted; n++) printf "%s%s\n%s", n == 1 ? "" : "\n", wanted[n], lines[wanted[n]]; \
		print "\nWhat an option means: .venv/bin/python -m orchestration <target> --help" }' $(firstword $(MAKEFILE_LIST))

setup:  ## Start: install what the project needs into .venv
	@"$$PYTHON" orchestration/set_up.py

setup-spark: setup
	@"$$PYTHON" orchestration/set_up.py spark

run: setup $(for_target)  ## Start: from extracts to a published release | EXAMPLE= CUSTOMERS= DAYS= SEED= HOUSEHOLDS= CLOCK=now | TARGET=spark
	@$(RUN) run $(SIZE) $(if $(filter now,$(CLOCK)),--move-clock)

report: setup  ## Start: all that a run sums up: tables, KPIs, checks
	@$(RUN) report

dashboard: setup  ## Start: pages over the current release, on http://127.0.0.1:8050
	@$(RUN) dashboard

# standard output belongs to the protocol, so what setting up says goes elsewhere
mcp:  ## Start: the release for assistants, by MCP | HTTP=1: http://127.0.0.1:8060/mcp
	@"$$PYTHON" orchestration/set_up.py >&2
	@exec $(RUN) mcp $${HTTP:+--http}

# Superset wants other versions of what the project has: it lives in an environment of its own
var/.superset/locked: bi_tools/superset.lock
	@echo "Installing Superset into var/.superset; this takes minutes, once."
	@"$$PYTHON" -m venv var/.superset && var/.superset/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bi_tools/superset.lock && touch $@

superset: setup var/.superset/locked  ## Start: Apache Superset over the release, on http://127.0.0.1:8088
	@$(RUN) superset

test-superset: setup var/.superset/locked  ## Development: Superset reads a release, and follows it
	@.venv/bin/python -m pytest -n 0 tests/superset_pages.py

up: setup  ## Start: Dagster's pages on http://127.0.0.1:3000
	@$(RUN) up

spark-up: setup-spark  ## Start: a Spark cluster on this machine, for make run TARGET=spark
	@$(RUN) spark-up

spark-down: setup  ## Start: end the Spark cluster on this machine
	@$(RUN) spark-down

check: setup  ## Start: check contracts, seeds and extracts without running anything
	@$(RUN) check

journey-check: setup  ## Own data: check the definitions of journeys against the data | JOURNEY=purchase
	@$(RUN) journey-check $(call option,journey,JOURNEY)

import-log: setup  ## Own data: import a case log | FILE=orders.csv CASE=order ACTIVITY=step TIME=at | CUSTOMER= SESSION= JOURNEY= END= INTO= TIME_FORMAT= ZONE=
	@$(RUN) import-log $(call option,case,CASE) $(call option,activity,ACTIVITY) $(call option,time,TIME) $(call option,customer,CUSTOMER) $(call option,session,SESSION) $(call option,journey,JOURNEY) $(call option,end,END) $(call option,into,INTO) $(call option,time-format,TIME_FORMAT) $(call option,zone,ZONE) -- "$$FILE"

new-source: setup  ## Own data: write the contract of a source from a sample | FILE=orders.csv NAME=shopify, TABLE= INTO=
	@$(RUN) new-source $(call option,table,TABLE) $(call option,into,INTO) -- "$$FILE" "$$NAME"

staging-model: setup  ## Own data: show the staging model of a mapping, to read or copy | TABLE=booking.appointments
	@$(RUN) staging-model -- "$$TABLE"

withdraw: setup  ## Landed files: withdraw a wrongly loaded file | FILE=feed/events/2026-01.csv
	@$(RUN) withdraw -- "$$FILE"

restore: setup  ## Landed files: reverse the withdrawal of a file | FILE=feed/events/2026-01.csv
	@$(RUN) restore -- "$$FILE"

quarantine: setup  ## Landed files: what is in quarantine, by reason | SOURCE= TABLE= REASON= COLUMN= FILE=
	@$(RUN) quarantine $(call option,source,SOURCE) $(ROWS)

requeue: setup  ## Landed files: read files with quarantined rows again | SOURCE=feed, TABLE= REASON= COLUMN= FILE=
	@$(RUN) requeue $(ROWS) -- "$$SOURCE"

land-again: setup  ## Landed files: read files again after their contract was changed | SOURCE=feed, TABLE=
	@$(RUN) land-again $(call option,table,TABLE) -- "$$SOURCE"

rebuild: setup  ## Landed files: build the warehouse again from the extracts, and publish | ANYWAY=1: without files that are gone
	@$(RUN) rebuild $${ANYWAY:+--anyway}

releases: setup  ## Releases: list the releases of the data set
	@$(RUN) releases

accept: setup  ## Landed files: accept that a delivery or KPI is unlike those before | ID=1a2b3c4d NOTE="…", UNDO=1; without ID: the list
	@$(RUN) accept $(call option,note,NOTE) $${UNDO:+--undo} -- "$$ID"

rollback: setup  ## Releases: switch readers to the release before | TO=<release id>
	@$(RUN) rollback $(call option,to,TO)

compare: setup  ## Releases: what differs between two releases, and why | FROM=<release id> TO=<release id> INTO=var/compared JSON=1
	@$(RUN) compare $(call option,from,FROM) $(call option,to,TO) $(call option,into,INTO) $${JSON:+--json}

publish-postgres: setup  ## Releases: bring the tables of the current release into PostgreSQL | ANYWAY=1: compare every row again
	@$(RUN) publish-postgres $${ANYWAY:+--anyway}

hash: setup  ## Identities: the hash of an identifier | TYPE=email VALUE=ann@example.com; without VALUE it asks
	@$(RUN) hash -- "$$TYPE" $${VALUE:+"$$VALUE"}

rotate-key: setup  ## Identities: change the key of the hashes, and every customer id
	@$(RUN) rotate-key

sql: setup  ## Start: query the published release; without SQL= a prompt opens | SQL="from kpis.kpi_scorecard", IN=warehouse
	@$(RUN) sql $(if $(filter warehouse,$(IN)),--warehouse) -- "$$SQL"

metrics: setup  ## Start: KPIs by week, channel and more; without METRICS= a list | METRICS=orders,order_value BY=week,channel | WHERE= SINCE= UNTIL=
	@$(RUN) metrics $(call option,by,BY) $(call option,where,WHERE) $(call option,since,SINCE) $(call option,until,UNTIL) -- "$$METRICS"

dbt: setup  ## Development: run dbt on the data set | ARGS="build -s fct_events+"
	@$(RUN) dbt --line="$$ARGS"

digests: setup  ## Releases: list the digests of the current release
	@$(RUN) digests

send-digests: setup  ## Releases: send the digests that were not sent yet
	@$(RUN) send-digests

docs-outputs: setup  ## Development: write the outputs of queries into docs, after make run
	@$(RUN) docs-outputs

docs-tables: setup  ## Development: write the lists of published tables, and metrics
	@$(RUN) docs-tables

identity-diff: setup  ## Identities: what the next release would do to customer ids
	@$(RUN) identity-diff

test: setup  ## Development: the tests, without the longest
	@.venv/bin/python -m pytest -n 2 --dist loadgroup -m "not long and not draws and not spark"

test-all: setup  ## Development: all tests but further random draws, as CI runs them
	@.venv/bin/python -m pytest -n 2 --dist loadgroup -m "not draws and not spark" --durations 60 --durations-min 5

# one test after another: they share a cluster with two executors
test-spark: setup-spark  ## Development: the tests that need Spark
	@JOURNEYS_NEEDS_SPARK=1 .venv/bin/python -m pytest -n 0 -m spark

test-draws: setup  ## Development: what tests draw at random, drawn with more seeds
	@.venv/bin/python -m pytest -n 2 --dist loadgroup -m draws

# one fault after another in one process: shares of the machine would move the moments
test-faults: setup  ## Development: kills, mutated files, readers, writers | KILLS=300 MUTATIONS=3000 PUBLISHES=100 | WRITERS=3 DAEMONS=1 SEED=1 ONLY=
	@JOURNEYS_FAULTS_KILLS=$${KILLS:-300} JOURNEYS_FAULTS_MUTATIONS=$${MUTATIONS:-3000} JOURNEYS_FAULTS_PUBLISHES=$${PUBLISHES:-100} JOURNEYS_FAULTS_WRITERS=$${WRITERS:-3} JOURNEYS_FAULTS_DAEMONS=$${DAEMONS:-1} JOURNEYS_FAULTS_SEED=$${SEED:-1} JOURNEYS_FAULTS_ONLY=$$ONLY .venv/bin/python -m pytest -n 0 -s tests/faults

lint: lint-python lint-yaml lint-sql  ## Development: style and types: ruff, mypy, yamllint, sqlfluff

lint-python: setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

lint-yaml: setup
	@.venv/bin/yamllint --strict .

lint-sql: setup var/.lint/sql

format: setup var/.lint  ## Development: write Python and SQL as lint wants them
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .
	@$(SQLFLUFF) fix --rules layout,capitalisation $(LINTED)

LINTED := models tests/dbt/singular
SQL_FILES = $(shell find $(LINTED) -name '*.sql')
# what every model is compiled with: a change of it has all of them linted
SQL_PARTS = $(shell find macros -name '*.sql') .sqlfluff dbt_project.yml profiles.yml
# models are compiled without a query, but dbt opens a file: an empty one of the linter's own
SQLFLUFF = JOURNEYS_WAREHOUSE=var/.lint/warehouse.duckdb .venv/bin/sqlfluff

var/.lint:
	@mkdir -p $@

# written after a run without a fault, so that the next one reads only the files that changed since
var/.lint/sql: $(SQL_FILES) $(SQL_PARTS) | var/.lint
	@$(SQLFLUFF) lint --processes 2 $(if $(filter-out $(SQL_FILES),$?),$(LINTED),$?) && touch $@

docs: setup  ## Development: dbt's pages of the data set, as one file
	@$(RUN) docs

# not --quiet: that hides warnings from --strict, too
docs-site: setup  ## Development: the docs as a site that opens from the disk, into var/site
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --clean && echo "var/site/index.html is written: file://$$(pwd)/var/site/index.html"

bench: setup  ## Benchmarks: what refreshes cost, full, late, with nothing new | SIZES="100k 1m"; 10m takes long
	@.venv/bin/python -m benchmarks $$SIZES
	@$(MAKE) --no-print-directory bench-flows SIZES="$(filter 20k 100k 1m 5m --record,$(SIZES))"

# pm4py is under the AGPL: it lives in an environment of its own, and nothing but this looks at it
var/.pm4py/locked: benchmarks/pm4py.lock
	@"$$PYTHON" -m venv var/.pm4py && var/.pm4py/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/pm4py.lock && touch $@

bench-flows: setup var/.pm4py/locked  ## Benchmarks: flows compared with pm4py and pandas | SIZES="1m"
	@.venv/bin/python -m benchmarks.flows $$SIZES

bench-components: setup  ## Benchmarks: connected components compared with scipy's, Splink's | SIZES="1m 10m"
	@.venv/bin/python -m benchmarks.components $$SIZES

bench-landing: setup  ## Benchmarks: landing compared with DuckDB's own read | SIZES="1m 10m"
	@.venv/bin/python -m benchmarks.landing $$SIZES

bench-identity: setup  ## Benchmarks: how well customers agree with the truth | CUSTOMERS= DAYS= DIRT= PEOPLE= SEED= ONLY= LABELLED= | PARTS=1 BUILT=1
	@.venv/bin/python -m benchmarks.identity $${PARTS:+--parts} $${BUILT:+--built} $(call option,labelled,LABELLED) $(call option,customers,CUSTOMERS) $(call option,days,DAYS) $${DIRT:+--dirt $$DIRT} $(call option,people,PEOPLE) $(call option,seed,SEED) $(call option,only,ONLY)

bench-journeys: setup  ## Benchmarks: which share of the simulator's phases is reproduced | CUSTOMERS= DAYS= DIRT="0 1 2"
	@.venv/bin/python -m benchmarks.journeys $(call option,customers,CUSTOMERS) $(call option,days,DAYS) $${DIRT:+--dirt $$DIRT}

bench-attribution: setup  ## Benchmarks: what rules credit beside what caused purchases | CUSTOMERS= DAYS= DIRT="0 1 2"
	@.venv/bin/python -m benchmarks.attribution $(call option,customers,CUSTOMERS) $(call option,days,DAYS) $${DIRT:+--dirt $$DIRT}

bench-pages: setup  ## Benchmarks: how long pages of the dashboard take, by filter | SIZES="1m"
	@.venv/bin/python -m benchmarks.pages $$SIZES

identity-train: setup  ## Identities: learn how to match people records, into the seeds folder
	@$(RUN) identity-train

unions: setup  ## Development: list the models that are united as events, people or spend
	@$(RUN) unions

docs-pictures: setup  ## Development: the pictures of README and docs
	@JOURNEYS_PICTURES=docs/images .venv/bin/python -m pytest -n0 -q tests/dashboard_pages -k pictures_of_the_docs

lock:  ## Development: write the lock files again
	@.venv/bin/python -m pip install --quiet uv
	@for list in requirements requirements-spark benchmarks/pm4py orchestration/sbom bi_tools/superset; do .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header $$list.in -o $$list.lock || exit 1; done

var/.sbom/locked: orchestration/sbom.lock
	@"$$PYTHON" -m venv var/.sbom && var/.sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r orchestration/sbom.lock && touch $@

sbom: var/.sbom/locked  ## Development: a software bill of materials of the lock, CycloneDX
	@var/.sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o var/sbom.cdx.json requirements.lock
	@echo "$$(grep -c '"bom-ref": "requirements-L' var/sbom.cdx.json) packages in var/sbom.cdx.json"

clean:  ## Development: remove .venv; data sets and releases remain
	@rm -rf .venv
