# make help lists what can be done.

GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(filter v%,$(VERSION)),-X main.version=$(VERSION))
TARGETS := linux/amd64 linux/arm64 linux/arm darwin/arm64 windows/amd64

export CGO_ENABLED ?= 0

.PHONY: help
help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## show it all at work in 20 seconds, without any account
	$(GO) run ./cmd/shipbell demo

.PHONY: dev
dev: ## run a server that prints messages, with its data in .cache
	SHIPBELL_DATA=.cache/dev $(GO) run ./cmd/shipbell serve --log-level debug

.PHONY: build
build: ## build bin/shipbell, static
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/shipbell ./cmd/shipbell

.PHONY: deps
deps: ## install what the tests need: Debian packages, wrangler and promtool in .cache
	@sh scripts/deps

.PHONY: test
test: deps check race cross chaos-short ## install what the tests need and run them all
	@echo "all passed"

.PHONY: check
check: ## format, vet, staticcheck
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "hint: gofmt -w ." >&2; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) mod verify

.PHONY: race
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 8m ./...

# The whole matrix must build; linux/arm is ARMv7.
.PHONY: cross
cross:
	@for target in $(TARGETS); do \
		echo "building for $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} GOARM=7 $(GO) build -trimpath ./... || exit 1; \
	done

.PHONY: screenshots
screenshots: ## take a picture of every page, and say where they are
	$(GO) test ./test/browser -count 1 -run TestLook
	@ls -1 .cache/screenshots/*.png

.PHONY: chaos
chaos: ## kill one server and three replicas under load and look for what got lost
	$(GO) run ./test/chaos
	$(GO) run ./test/chaos -replicas 3
	$(GO) run ./test/chaos -replicas 3 -limits

.PHONY: chaos-short
chaos-short:
	$(GO) run ./test/chaos -kills 12 -pushes 1500
	$(GO) run ./test/chaos -replicas 3 -kills 1 -freezes 2 -stops 1 -outages 1 -pushes 1500

.PHONY: bench
bench: ## measure, each figure as a ratio to a limit in the same run
	$(GO) run ./test/bench

.PHONY: update
update: ## rewrite the golden files, to be read before they are committed
	SHIPBELL_UPDATE=1 $(GO) test ./...
	git diff --stat

.PHONY: fuzz
fuzz: ## fuzz every target for 20 seconds
	@for target in $$(grep -rEo --include='*_test.go' 'func Fuzz[A-Za-z]+' . | sed 's/:func /:/'); do \
		dir=$$(dirname $${target%%:*}); echo "$$target"; \
		$(GO) test $$dir -run XXX -fuzz "^$${target##*:}$$" -fuzztime 20s || exit 1; \
	done
