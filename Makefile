# setup   makes the machine ready: packages, the RocksDB archive, .cargo/config.toml
# build   the release binary, at bin/pleiades
# run     a whole cluster of processes on loopback, in the foreground; DATA=dir, WEB=host:port
# test    every test
# kills   KILLS=n times kill -9 under load, with all that is stored verified after each
# soak    half an hour of churn, and whether memory stays flat
# differential  CASES=n random lives of a database beside a plain model
# bench   BENCH=ingest, jitter, disk, restart or query, with flags: what it costs beside Prometheus and VictoriaMetrics
# sim     SEEDS=n simulated clusters, with faults
# fuzz    FUZZ_SECONDS=n for each target of fuzz/; what it finds stays in the cache folder
# verify  formatting and lints, and cargo-deny where it is installed; changes nothing
# fix     formats, and applies what clippy can
.PHONY: setup build run test kills soak differential bench sim fuzz verify fix clean

DATA ?= data
WEB ?= 127.0.0.1:9090
SEEDS ?= 100
KILLS ?= 50
CASES ?= 2000
FUZZ_SECONDS ?= 300
BENCH ?= ingest
# What tests alone need: peers to compare with.
TEST_PACKAGES = prometheus prometheus-node-exporter

setup:
	@scripts/setup

build: setup
	cargo build --release --locked -p pleiades
	@mkdir -p bin
	@ln -sfn "$$(scripts/target-dir)/release/pleiades" bin/pleiades

run: build
	@exec bin/pleiades local up --data-dir $(DATA) --web.listen-address $(WEB) \
	    --discoverers 3 --ingesters 3 --queriers 1 --rulers 1 --replication-factor 2

test:
	@scripts/setup $(TEST_PACKAGES)
	@scripts/kubectl
	cargo test --workspace --locked

kills: setup
	KILLS=$(KILLS) cargo test -p pleiades --locked --test e2e killed

soak: build
	rm -rf "$${TMPDIR:-/tmp}/pleiades-soak"
	cargo run --release --locked -p loadtest -- soak --data-dir "$${TMPDIR:-/tmp}/pleiades-soak"

differential: setup
	PLEIADES_DIFFERENTIAL_CASES=$(CASES) cargo test -p tsdb --locked --release differential

sim: setup
	PLEIADES_SIM_SEEDS=$(SEEDS) cargo test -p sim --locked --test seeds

fuzz: setup
	@scripts/fuzz $(FUZZ_SECONDS)

verify: setup
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --locked -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
	    else echo "cargo-deny is not installed: licences, sources and advisories were not looked at"; fi

fix: setup
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

bench:
	@scripts/setup prometheus victoria-metrics
	cargo build --release --locked -p pleiades -p loadtest
	"$$(scripts/target-dir)/release/loadtest" bench $(BENCH)

clean:
	rm -rf bin data
