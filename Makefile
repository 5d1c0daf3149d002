# setup: makes the machine ready · test: every test
# verify: what CI checks, changes nothing · fix: formats and applies what clippy can
.PHONY: setup test verify fix clean

setup:
	@scripts/setup

test: setup
	cargo test --workspace --locked

verify: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fix: setup
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

clean:
	rm -rf bin data
