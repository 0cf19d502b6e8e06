# The commands of this project, the same for people and for continuous integration.
# WAITLESS_* variables pass through: `WAITLESS_LISTEN=127.0.0.1:9000 make run`.

.DEFAULT_GOAL := help
.PHONY: help run test check faults chaos soak bench bench-peers million upgrade-test bench-record bench-join bench-micro servers screenshots lighthouse

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## install what is missing, build, start everything in .waitless/, print the URLs; LAN=1 for phones
	@ci/need
	@cargo build --quiet
	@exec "$${CARGO_TARGET_DIR:-target}/debug/waitless" dev $(if $(filter 1,$(LAN)),--lan)

test: ## every test from nothing; FILTER=name limits the integration tests
	@tests/run

check: ## format, lints, documentation and the pages' own checks only
	@tests/run --check

faults: ## every fault at full size; writes target/faults.json
	@tests/faults

chaos: ## every kind of fault mixed for WAITLESS_CHAOS_MINUTES (16) on a busy machine; writes target/chaos.json
	@tests/chaos

bench: ## the hub measured, beside what the kernel alone costs; writes target/bench.json and .html
	@tests/bench

bench-peers: ## the same beside axum, Nchan, ws and Socket.IO
	@tests/bench-peers

bench-record: ## events recorded a second, and how long a rebuild takes; writes target/record.json
	@tests/bench-record

bench-join: ## joins a second through HTTP beside the bare script under redis-benchmark; writes target/join.json
	@tests/bench-join

bench-micro: ## Criterion: replica, frames, estimate, scripts, each beside its last run
	@cargo bench --bench replica --bench frames --bench estimate --bench scripts

million: ## 200,000 phones on this machine, each told of a change every ten seconds; writes target/million.json
	@tests/million

upgrade-test: ## by hand: an older server, built from a commit, and this one side by side; OLD=commit
	@tests/upgrade $(OLD)

servers: ## a shell with the tests' Redis and PostgreSQL up
	@tests/run -- "$${SHELL:-bash}"

screenshots: ## pictures of every page, in both languages
	@ci/need browser
	@ci/node
	@cargo build --quiet
	@npm --prefix tests/browser run screenshots

lighthouse: ## how quickly the pages load, and what they could do better
	@ci/need browser
	@ci/node
	@cargo build --quiet --release
	@npm --prefix tests/browser run lighthouse

soak: ## churn for WAITLESS_SOAK_MINUTES (10), memory flat; writes target/soak.json
	@tests/soak
