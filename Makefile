# `make help` says what there is.
CARGO ?= cargo

# rustup installs into a directory that only a new login shell has in its PATH.
CARGO_BIN := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
ifeq (,$(findstring :$(CARGO_BIN):,:$(PATH):))
export PATH := $(CARGO_BIN):$(PATH)
endif

# Where systems keep Chromium; the variable CHROMIUM names another.
export CHROMIUM ?= $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser \
	/snap/bin/chromium /usr/bin/google-chrome /Applications/Chromium.app/Contents/MacOS/Chromium) \
	/usr/bin/chromium)

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz python-client deny types bench consoles curves figures screenshots proof trials

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## a shop to play with on http://127.0.0.1:8001, thrown away at the end
	@scripts/preflight.sh run
	$(CARGO) run --release -- demo

test: ## formatting, lint, and every test
	@scripts/preflight.sh test
	@$(MAKE) --no-print-directory check
	$(CARGO) test
	cd web && npm test
	cd web && npm run test:browser

check: ## formatting and lint only
	@scripts/preflight.sh check
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd web && npm run check

fuzz: ## fuzzes a running server by its own OpenAPI document, with schemathesis
	$(CARGO) build
	scripts/schemathesis.sh

python-client: ## generates a client from the OpenAPI document, and talks to the server with it
	$(CARGO) build
	scripts/python-client.sh

deny: ## licences, sources and duplicates of the dependencies; needs cargo-deny
	$(CARGO) deny check licenses bans sources

types: ## writes web/shared/protocol.ts, the wire's shapes for the front ends
	SHOPTALK_WRITE_TYPES=1 $(CARGO) test --lib -- the_front_ends_know_the_shapes_of_the_wire

bench: ## what the server can do, as ratios to what the machine gives; ten minutes at most
	$(CARGO) build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load --peer bench

consoles: ## what agents at consoles have, beside a Socket.IO server; npm gets the latter
	$(CARGO) build --release --workspace
	load/peer/install.sh
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load --peer consoles

curves: ## draws how costs grow with messages, rooms, subscribers and consoles
	$(CARGO) build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/shoptalk-load curves

figures: ## what the front ends weigh, and how fast they are in a real browser
	$(CARGO) build --release
	cd web && npm run size && node figures.mjs

screenshots: ## the README's pictures, and all views in target/screenshots to look at
	$(CARGO) build
	cd web && node screenshots.mjs

trials: ## the promises under faults and attack, in the long form: about forty minutes
	$(CARGO) build --release
	SHOPTALK_TRIALS=long SHOPTALK_BIN=$${CARGO_TARGET_DIR:-target}/release/shoptalk $(CARGO) test --test trials
	SHOPTALK_MODEL_CASES=1000 $(CARGO) test --test faults -- --nocapture model

proof: ## shows with strace that a 201 leaves after its fsync
	$(CARGO) build
	scripts/fsync-proof.sh
