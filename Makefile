# The commands of this project, the same for people and for continuous integration.
# WAITLESS_* variables pass through: `WAITLESS_LISTEN=127.0.0.1:9000 make run`.

.DEFAULT_GOAL := help
.PHONY: help run test check servers

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## install what is missing, build, start everything in .waitless/, print the URLs; LAN=1 for phones
	@ci/need
	@cargo build --quiet
	@exec "$${CARGO_TARGET_DIR:-target}/debug/waitless" dev $(if $(filter 1,$(LAN)),--lan)

test: ## every test from nothing; FILTER=name limits the integration tests
	@tests/run

check: ## format, lints and documentation only
	@tests/run --check

servers: ## a shell with the tests' Redis and PostgreSQL up
	@tests/run -- "$${SHELL:-bash}"
