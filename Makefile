# Almanac: everything a newcomer needs. `make help` lists the targets.
# Prerequisites: git, make, a Rust toolchain by rustup. The rest is installed when it is missing.

SHELL := /bin/sh
.DEFAULT_GOAL := help

INSTALL := tests/conformance/install
TOOLS := $(CURDIR)/target/tools/bin
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
CARGO := cargo
ROUNDS ?= 200
MINUTES ?= 10
HISTORIES ?= 10000

.PHONY: help run test check attacks crash sim soak bench packaged deb rpm package-test clean

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: ## Starts a demo server on http://127.0.0.1:8008 (LAN=1: on the network, with TLS)
	@$(INSTALL) build
	$(CARGO) run --locked --package almanac -- serve --demo $(if $(filter 1,$(LAN)),--lan)

test: ## Runs all tests, with the real clients and servers, against the built daemon
	@$(INSTALL) build clients
	@tests/bench/install
	$(CARGO) build --locked --workspace --bins --tests
ifneq ($(NEXTEST),)
	$(CARGO) nextest run --config-file .ci/nextest.toml --locked --workspace --no-fail-fast --status-level slow
	$(CARGO) test --locked --workspace --doc --quiet
else
	$(CARGO) test --locked --workspace --no-fail-fast
endif
	@tests/conformance/make_run

check: ## Format, lints, layers, documentation, licences; no tests
	@$(INSTALL) build deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --quiet -- -D warnings
	if pkg-config --exists libsystemd 2>/dev/null; then \
	  $(CARGO) clippy --locked --package almanac --all-targets --features systemd --quiet -- -D warnings; fi
	$(CARGO) run --locked --quiet --package almanac-tidy
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items --quiet
	$(TOOLS)/cargo-deny --log-level error check bans licenses sources
	@tests/conformance/advisories
ifdef ALMANAC_ADVISORY_DB
	$(INSTALL) advisories "$(ALMANAC_ADVISORY_DB)"
else
	@echo "advisories: not checked (set ALMANAC_ADVISORY_DB to a folder with the RustSec database)"
endif

attacks: ## Hostile input against a release build, with bounds on CPU time and memory
	@$(INSTALL) build
	$(CARGO) build --locked --release --package almanac
	ALMANAC_BIN=$(CURDIR)/target/release/almanac \
	  $(CARGO) test --locked --package almanac-wire --test wire -- --ignored --nocapture --test-threads 1 attacks::

crash: ## Kills the daemon ROUNDS times (200), cuts its power, fails its disk at every write and sync
	@$(INSTALL) build
	$(CARGO) build --locked --package almanac
	ALMANAC_FAULTS=all ALMANAC_CRASH_ROUNDS=$(ROUNDS) $(CARGO) test --locked --package almanac-crash -- --nocapture

# What a history goes through: quick enough without a release build.
SIM := $(addprefix almanac-,app backend base contract convergence davxml egress google ical icloud outlook simulator store sync)

sim: ## Plays HISTORIES (10000) of synchronisation with faults, and large imports, webhooks, with bounds; prints figures
	@$(INSTALL) build
	HISTORIES=$(HISTORIES) $(CARGO) test --locked --package almanac-convergence --test convergence \
	  $(foreach crate,$(SIM),--config profile.dev.package.$(crate).opt-level=2) \
	  -- --ignored --exact sim::figures_of_many_histories_and_imports --nocapture
	$(CARGO) build --locked --package almanac
	$(CARGO) test --locked --package almanac-vendors --test vendors hooks::what_changes -- --nocapture

soak: ## Load, kills, reloads and backups for MINUTES (10), then a crowd of 1,000 connections (ENGINE=sled)
	@$(INSTALL) build
	$(CARGO) build --locked --release --package almanac
	$(CARGO) build --locked --package almanac-soak --config profile.dev.package.almanac-soak.opt-level=2
	ALMANAC_BIN=$(CURDIR)/target/release/almanac MINUTES=$(MINUTES) P99_MS=50 target/debug/almanac-soak

bench: ## What requests cost beside Radicale and Xandikos (EVENTS=50000 PEERS=full|none ROUNDS=10)
	@$(INSTALL) build
	$(if $(filter none,$(PEERS)),,@tests/bench/install)
	$(CARGO) build --locked --release --package almanac
	$(CARGO) build --locked --package almanac-bench --config profile.dev.package.almanac-bench.opt-level=2
	ALMANAC_BIN=$(CURDIR)/target/release/almanac target/debug/almanac-bench

# What the packages hold: with the part that reads the journal.
packaged:
	@$(INSTALL) build libsystemd
	$(CARGO) build --locked --release --package almanac --features systemd
	target/release/almanac docs target/docs

deb: packaged ## Builds the Debian package into target/debian
	@$(INSTALL) deb
	$(TOOLS)/cargo-deb --locked --no-build --package almanac --output target/debian/almanac.deb

rpm: packaged ## Builds the package for rpm distributions into target/rpm
	@$(INSTALL) rpm
	@mkdir -p target/rpm
	$(TOOLS)/cargo-generate-rpm --package daemon/almanac --auto-req builtin --output target/rpm/almanac.rpm

package-test: deb rpm ## Installs the Debian package on this machine, starts it, upgrades it, purges it (needs root)
	ALMANAC_DEB=$(CURDIR)/target/debian/almanac.deb ALMANAC_RPM=$(CURDIR)/target/rpm/almanac.rpm \
	  $(CARGO) test --locked --package almanac-package -- --ignored --nocapture --test-threads 1

clean: ## Removes what was built; the demo data in var/ stay
	rm -rf target
