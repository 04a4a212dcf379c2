# anchorwatch: `make demo` shows it, `make test` proves it.
# A fresh machine needs a Rust toolchain, make and a C compiler; `make interop`, `make bench`,
# `make e2e-newest` and `make dist-check` need Go beside them. What a machine cannot run is listed as
# not run; with REQUIRE=1 it is a failure.

CARGO ?= cargo
LOCKED := --locked
# Debian's packages that the tests call, and the command that shows that each is there.
TEST_PACKAGES := chromium:chromium prometheus:promtool prometheus:prometheus \
	prometheus-alertmanager:amtool prometheus-alertmanager:prometheus-alertmanager \
	victoria-metrics:vmalert jsonnet:jsonnet

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what there is to make.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Watch three embedded trust domains rotate on loopback. FOR=60s ends by itself.
	$(CARGO) run $(LOCKED) --quiet -- demo $(if $(FOR),--for $(FOR))

.PHONY: test
test: packages ## Run all tests, and the score in small.
	$(CARGO) test $(LOCKED) --all-targets
	$(CARGO) test $(LOCKED) --doc
	@$(MAKE) --no-print-directory score-small

.PHONY: packages
packages:
	@sh tests/packages.sh $(TEST_PACKAGES)

.PHONY: lint
lint: ## Check format, lints, documentation, dependencies and the Go module.
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings
	$(CARGO) clippy $(LOCKED) --no-default-features --lib --bins -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --no-deps --quiet
	@sh tests/checks.sh 'sh tests/deny.sh' 'sh tests/interop/lint.sh'

.PHONY: e2e
e2e: packages ## Follow a key from its publication to a page, with real Prometheus and Alertmanagers.
	$(CARGO) test $(LOCKED) --test e2e -- --nocapture

.PHONY: e2e-newest
e2e-newest: packages ## The same with the newest Prometheus and Alertmanager, which it builds, and all else that asks them.
	bash tests/e2e/newest.sh

.PHONY: interop
interop: ## Read bundles of go-spiffe and let go-spiffe read ours; then real SPIRE, where there is one.
	$(CARGO) build $(LOCKED)
	@sh tests/checks.sh 'bash tests/interop/run.sh' 'bash tests/interop/spire.sh'

.PHONY: bench
bench: ## Print what a poll, a scrape and a start cost, beside a peer in the same run.
	bash benches/run.sh

.PHONY: score
score: ## Score the judgement against simulated worlds whose truth is known. YEARS=100 for less.
	$(CARGO) build $(LOCKED) --release --quiet
	$${CARGO_TARGET_DIR:-target}/release/anchorwatch simulate $(if $(YEARS),--years $(YEARS))

# Every row of the score, in few worlds: it fails where a row misses its promise. Without
# optimisation it takes longer than a release build and this run together.
.PHONY: score-small
score-small: ## Score all rows in few worlds: fails where one misses its promise.
	$(CARGO) build $(LOCKED) --release --quiet
	$${CARGO_TARGET_DIR:-target}/release/anchorwatch simulate --worlds 1 --years 10 --handovers 100000

.PHONY: chart
chart: ## Copy the alert rules and the dashboards into the Helm chart.
	UPDATE_EXPECT=1 $(CARGO) test $(LOCKED) --quiet --test packaging

# Debian's packages that the checks of the packages call.
DIST_PACKAGES := curl:curl iproute2:ip lintian:lintian musl-tools:musl-gcc openssl:openssl systemd:systemd-analyze

.PHONY: dist-check
dist-check: ## Build each package, run what is in it, and let systemd, lintian and Kubernetes' types judge.
	@sh tests/packages.sh $(DIST_PACKAGES)
	command -v cargo-deb >/dev/null || $(CARGO) install --locked --quiet cargo-deb
	@sh tests/checks.sh 'bash tests/packages/unit.sh' 'bash tests/packages/image.sh' \
		'bash tests/packages/deb.sh' 'bash tests/packages/chart.sh'

.PHONY: fuzz
fuzz: ## Fuzz the parser and the step for a minute each (needs a nightly toolchain and cargo-fuzz).
	for target in $$($(CARGO) +nightly fuzz list); do mkdir -p fuzz/corpus/$$target && \
		$(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target tests/data/bundles -- \
			-max_total_time=60 || exit 1; done

.PHONY: soak
soak: ## Kill, corrupt and flood the daemon for ten minutes and print what is lost.
	SOAK=full $(CARGO) test $(LOCKED) --release --test soak -- --nocapture --test-threads=1
