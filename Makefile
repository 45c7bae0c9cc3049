# `make help` lists the targets.
CARGO ?= cargo

# After installing rustup, only new login shells have its directory in their PATH.
CARGO_BIN := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
ifeq (,$(findstring :$(CARGO_BIN):,:$(PATH):))
export PATH := $(CARGO_BIN):$(PATH)
endif
# scripts/tools.sh installs cargo commands there.
export PATH := $(PATH):$(CURDIR)/target/tools/bin

# The usual paths of Chromium; the variable CHROMIUM overrides them.
export CHROMIUM ?= $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser \
	/snap/bin/chromium /usr/bin/google-chrome /Applications/Chromium.app/Contents/MacOS/Chromium) \
	/usr/bin/chromium)

.DEFAULT_GOAL := help
.PHONY: help run cluster test test-postgres test-nodes check fuzz django-fixtures python-client deny types bench consoles curves figures screenshots proof trials alerts dist reproducible dist-trials compose-trials doctor-trials

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run a demo shop on http://127.0.0.1:8001; its data is deleted when it stops
	@scripts/preflight.sh run
	$(CARGO) run --release -- demo

cluster: ## run three nodes on a PostgreSQL and a NATS of their own behind a proxy; all data is deleted
	@scripts/preflight.sh run
	$(CARGO) build --release
	$(CARGO) run --release --example cluster

test: ## check formatting and lint, run all tests; about ten minutes
	@scripts/preflight.sh test
	@$(MAKE) --no-print-directory check
	$(CARGO) test --workspace
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then \
	  $(MAKE) --no-print-directory test-postgres && \
	  $(MAKE) --no-print-directory test-nodes NODES_TESTS="concurrency promises visitor_socket model"; \
	else \
	  echo "LEFT OUT: the tests on PostgreSQL and on several nodes; install postgresql and nats-server"; \
	fi
	cd web && npm test
	cd web && npm run test:browser

test-postgres: ## run the tests of the contract, of faults and of the store on PostgreSQL
	SHOPTALK_TEST_STORE=postgres $(CARGO) test --workspace --test contract --test faults
	SHOPTALK_TEST_STORE=postgres $(CARGO) test --workspace --lib -- persistence jobs

# Names of tests, or parts of them; empty: all.
NODES_TESTS ?=
test-nodes: ## run the tests of the contract and of faults on three nodes that share PostgreSQL
	SHOPTALK_TEST_STORE=postgres SHOPTALK_TEST_NODES=3 $(CARGO) test --workspace --test contract --test faults -- $(NODES_TESTS)

check: ## check formatting and lint only
	@scripts/preflight.sh check
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd web && npm run check

fuzz: ## fuzz a server from its own OpenAPI document, with schemathesis
	$(CARGO) build
	scripts/schemathesis.sh

django-fixtures: ## write the fixtures of import-django anew; needs python3 and installs Django into target/
	scripts/django-fixtures.sh

python-client: ## generate a Python client from the OpenAPI document and test it
	$(CARGO) build
	scripts/python-client.sh

deny: ## check licenses, sources and duplicates of the dependencies
	@scripts/tools.sh deny
	$(CARGO) deny check licenses bans sources

types: ## generate web/shared/protocol.ts, the protocol types for the front ends
	SHOPTALK_WRITE_TYPES=1 $(CARGO) test --lib -- the_front_ends_types_are_those_of_the_server

bench: ## measure the server against the limits of the machine; eight to ten minutes
	$(CARGO) build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load --peer bench

consoles: ## measure what agents see, compared with a Socket.IO server; needs npm
	$(CARGO) build --release --workspace
	load/peer/install.sh
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load --peer consoles

curves: ## draw how costs grow with messages, rooms, subscribers and consoles
	$(CARGO) build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load curves

figures: ## measure the size and speed of the front ends in a real browser
	$(CARGO) build --release
	cd web && npm run size && node figures.mjs && npm run bench:list

screenshots: ## take the README's pictures, and all views into target/screenshots
	$(CARGO) build
	cd web && node screenshots.mjs

trials: ## test the promises under faults and attack, long form; about 40 minutes
	$(CARGO) build --release
	$(CARGO) test --lib --test contract --test cli --test supply >$${CARGO_TARGET_DIR:-target}/tests.log
	SHOPTALK_TEST_LOG=$$(realpath $${CARGO_TARGET_DIR:-target})/tests.log SHOPTALK_TRIALS=long \
		SHOPTALK_BIN=$${CARGO_TARGET_DIR:-target}/release/shoptalk $(CARGO) test --test trials
	SHOPTALK_MODEL_CASES=1000 $(CARGO) test --test faults -- --nocapture model

proof: ## show with strace that nothing is confirmed before its fsync
	$(CARGO) build
	scripts/fsync-proof.sh

alerts: ## test the Prometheus alert rules; needs promtool
	@command -v promtool >/dev/null || { \
		echo "make alerts: promtool is missing; on Debian or Ubuntu install the package prometheus" >&2; exit 1; }
	promtool check rules deploy/alerts.yml deploy/alerts-backup.yml deploy/alerts-nodes.yml
	promtool test rules deploy/alerts-test.yml

# For packages: x86_64, aarch64 or both. Empty: this machine's architecture.
ARCH :=
dist: ## write packages into target/dist: static binary, .deb, container image; ARCH=aarch64 for arm64
	@scripts/dist.sh $(ARCH)

reproducible: ## make dist here and in a clone elsewhere, and compare the bytes; all is built twice
	@scripts/reproducible.sh $(ARCH)

dist-trials: ## try what make dist wrote in empty root directories and on a booted Debian; needs root, buildah and debootstrap
	@scripts/dist-trials.sh $(ARCH)

compose-trials: ## try the image of make dist and deploy/compose.yml in a Docker engine; needs root, docker.io and debootstrap
	@scripts/compose-trials.sh

doctor-trials: ## try `shoptalk doctor` against nginx, Caddy, Apache and HAProxy with broken settings
	scripts/doctor-trials.sh
