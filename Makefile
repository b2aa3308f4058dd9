# envoyd. The two commands that matter: make demo, make test.
# Everything a target needs it installs itself (make parts) or says so.

SHELL      := /bin/bash
GO         ?= go
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -s -w -X main.version=$(VERSION)
BUILDFLAGS := -trimpath -ldflags '$(LDFLAGS)'
LINT       := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME   ?= 10m
export GOTOOLCHAIN := local
export GOFLAGS     := -mod=readonly

.PHONY: build check test parts demo demo-outage bench cover fuzz golden cross clean

build: ## both programs, for this machine, in build/
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o build/ ./cmd/...

check: ## formatting, vet, lint, module sums
	@test -z "$$(gofmt -l cmd internal | tee /dev/stderr)" || { echo 'run gofmt -w on these files'; exit 1; }
	$(GO) vet ./...
	$(GO) mod verify
	@scripts/lint.sh $(LINT)

test: ## every test; with CI=true installs the real parts first and demands them
	@scripts/test.sh

parts: ## install what the tests use: Mosquitto, InfluxDB, avahi, Chromium, qemu, gcc
	@scripts/parts.sh

demo: build ## a living home on this machine, until Ctrl-C
	@scripts/demo.sh

demo-outage: build ## the gateway goes away and comes back; ends by itself with a verdict
	@CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o build/outage-play ./internal/e2e/outage/play
	@scripts/demo-outage.sh

bench: build ## the figures: latency, CPU, memory, bytes on disk, start
	@scripts/bench.sh

cover: ## coverage per package, and build/cover.html
	@mkdir -p build
	$(GO) test -coverprofile build/cover.out ./...
	$(GO) tool cover -func build/cover.out | tail -1
	$(GO) tool cover -html build/cover.out -o build/cover.html

fuzz: ## each parser of outside bytes for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

golden: ## print what envoyd makes of each recorded gateway
	@set -o pipefail; $(GO) test ./internal/derive -run Golden -v -count=1 | grep -vE '^ *(--- PASS|=== )'

cross: ## the product for every Pi, without cgo
	@for arch in arm64 arm/7 arm/6 amd64; do \
	  out=build/envoyd-linux-$${arch/\//v}; echo "$$out"; \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$${arch%/*} GOARM=$${arch#*/} \
	    $(GO) build $(BUILDFLAGS) -o $$out ./cmd/envoyd || exit 1; \
	done

clean: ## what the targets above made (not the installed parts)
	rm -rf build
