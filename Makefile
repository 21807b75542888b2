# Yodel. `make` alone lists the targets.

GO          ?= go
BIN         ?= bin
PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DATADIR     ?= $(PREFIX)/share
CONFDIR     ?= /etc/yodel
DIST        ?= dist
FUZZTIME    ?= 10s
FUZZTOTAL   ?=
TARGETS     ?= .
FOR         ?= 10m
BENCHTIME   ?= 1s
TESTTIMEOUT ?= 15m
SEED        ?= 1
ROWS        ?=
ATTACKS     ?=
TRIALS      ?=
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The peer plays and encodes through C libraries; CGO_ENABLED=0 builds one
# without a speaker, which sends L16. The daemon never needs C.
CGO_ENABLED ?= 1
export CGO_ENABLED

# The tags leave out libopusfile, which Yodel does not use, and the Markdown of urfave/cli, whose start costs a millisecond.
# The version comes from git describe, or not at all: a checkout that git does not trust still builds.
TAGS    := -tags nolibopusfile,urfave_cli_no_docs -buildvcs=false
LDFLAGS := -ldflags "-X main.version=$(VERSION)"

LINT_VERSION := v2.15.0
LINT         := .tools/golangci-lint-$(LINT_VERSION)
NFPM_VERSION := v2.45.0
NFPM         := .tools/nfpm-$(NFPM_VERSION)
PROTOC_GEN   := .tools/protoc-gen-go

.DEFAULT_GOAL := help
.PHONY: help deps deps-build deps-test build demo test test-net test-log test-hostile test-sound race fuzz soak lint bench bench-go bench-loss install packages generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what building and testing need and is missing
	@.ci/deps build test

deps-build:
	@.ci/deps build

deps-test:
	@.ci/deps build test

build: deps-build ## build bin/yodel and bin/yodeld
	$(GO) build -trimpath $(TAGS) $(LDFLAGS) -o $(BIN)/yodel ./cmd/yodel
	CGO_ENABLED=0 $(GO) build -trimpath $(TAGS) $(LDFLAGS) -o $(BIN)/yodeld ./cmd/yodeld

demo: build ## shout into a room of one's own on this machine and measure the echo
	$(GO) run $(TAGS) ./cmd/internal/demo -bin $(BIN)

# The suites that drive the programs want the machine for themselves: they measure times, and would have other tests miss theirs.
SUITES := /(systemd|nettest|logtest|hostile|soundtest|soak)$$$$
test: deps-test build $(NFPM) ## run every test, those of the installed service too
	$(GO) test $(TAGS) -timeout $(TESTTIMEOUT) $$($(GO) list $(TAGS) ./... | grep -Ev '$(SUITES)')
	$(GO) test $(TAGS) -timeout $(TESTTIMEOUT) -p 1 $$($(GO) list $(TAGS) ./... | grep -E '$(SUITES)')

# With the package as its folder go test shows what it prints; CI=true: it fails where it cannot run.
test-net: deps-test build ## run the programs on bad networks, all rows: SEED=7 ROWS='loss|NAT' (about 5 min)
	cd cmd/internal/nettest && CI=true YODEL_BIN=$(abspath $(BIN)) YODEL_NET_FORM=full YODEL_NET_SEED=$(SEED) YODEL_NET_ROWS='$(ROWS)' \
		$(GO) test $(TAGS) -count=1 -timeout 20m

test-log: deps-test build ## try the room log of the programs out, all trials: crashes, power cuts, bad disks: SEED=7 TRIALS='kill|disk' (about 15 min)
	cd cmd/internal/logtest && CI=true YODEL_BIN=$(abspath $(BIN)) YODEL_LOG_FORM=full YODEL_LOG_SEED=$(SEED) YODEL_LOG_TRIALS='$(TRIALS)' \
		$(GO) test $(TAGS) -count=1 -timeout 40m

test-hostile: deps-test build ## floods and hostile clients at the daemon, all of them: SEED=7 ATTACKS='STUN|mixed' (about 5 min)
	cd cmd/internal/hostile && CI=true YODEL_BIN=$(abspath $(BIN)) YODEL_HOSTILE_FORM=full YODEL_HOSTILE_SEED=$(SEED) YODEL_HOSTILE_ATTACKS='$(ATTACKS)' \
		$(GO) test $(TAGS) -count=1 -timeout 20m

test-sound: deps-test build ## score the sound of the programs: delay, loss, drift, breaks, processor, all rows: SEED=7 ROWS='loss|440' (about 7 min)
	cd cmd/internal/soundtest && CI=true YODEL_BIN=$(abspath $(BIN)) YODEL_SOUND_FORM=full YODEL_SOUND_SEED=$(SEED) YODEL_SOUND_ROWS='$(ROWS)' \
		$(GO) test $(TAGS) -count=1 -timeout 20m

# The service test, the suites of the network, the log, the attacks and the sound drive the binaries and have no concurrency of their own to look at:
# under the race detector they would only run `make test` again. The soak is load against the clock, which the detector slows. Nor have the tools for tests
# and documents a part in what users run.
TOOLS := /cmd/internal/(bench|benchloss|completion|fates|foreign|impair|manual|netem|udpimpair)$$$$
race: deps-test ## run the tests of all that users run under the race detector, but those that drive the binaries
	$(GO) test $(TAGS) -race -timeout $(TESTTIMEOUT) $$($(GO) list $(TAGS) ./... | grep -Ev '$(SUITES)|$(TOOLS)')

fuzz: deps-build ## run every fuzz target for FUZZTIME each, or all for FUZZTOTAL=60m together: TARGETS='Hub|Line'
	@GO="$(GO)" TARGETS='$(TARGETS)' .ci/fuzz $(if $(FUZZTOTAL),total=$(FUZZTOTAL),$(FUZZTIME)) $(TAGS)

soak: deps-build build ## mixed load with faults on the daemon for FOR=10m, as a table: memory, descriptors flat, nothing lost
	$(GO) run $(TAGS) ./cmd/internal/soak -bin $(BIN) -for $(FOR) -seed $(SEED)

lint: deps-build $(LINT) ## check format, vet, the build without cgo, linters, the units
	@out=$$(gofmt -l .); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet $(TAGS) ./...
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) build ./...
	$(LINT) run ./...
	.ci/verify-unit systemd/yodeld.service systemd/yodeld.socket

bench: build ## the daemon beside a plain relay in C, as a table (15 min): BENCHFLAGS='-rounds 2 -rows echo -check'
	$(GO) run $(TAGS) ./cmd/internal/bench -bin $(BIN) $(BENCHFLAGS)

bench-go: deps-build ## run the benchmarks of the packages
	$(GO) test $(TAGS) -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

bench-loss: deps-build ## messages over a lossy path, beside TCP and QUIC (root, 1 min); LOSSFLAGS=-check
	$(GO) run $(TAGS) ./cmd/internal/benchloss $(LOSSFLAGS)

install: | $(BIN)/yodel $(BIN)/yodeld ## install below $(DESTDIR)$(PREFIX); starts nothing, keeps a configuration that is there
	install -D -m 0755 $(BIN)/yodel $(DESTDIR)$(BINDIR)/yodel
	install -D -m 0755 $(BIN)/yodeld $(DESTDIR)$(BINDIR)/yodeld
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(CONFDIR) $(DESTDIR)$(DATADIR)/bash-completion/completions $(DESTDIR)$(DATADIR)/zsh/site-functions
	sed 's|/usr/bin/yodeld|$(BINDIR)/yodeld|g' systemd/yodeld.service | install -m 0644 /dev/stdin $(DESTDIR)$(UNITDIR)/yodeld.service
	install -m 0644 systemd/yodeld.socket $(DESTDIR)$(UNITDIR)/yodeld.socket
	install -D -m 0644 systemd/bind.conf $(DESTDIR)$(DATADIR)/yodeld/bind.conf
	install -D -m 0644 systemd/yodel.sysusers $(DESTDIR)$(SYSUSERSDIR)/yodel.conf
	test -e $(DESTDIR)$(CONFDIR)/yodeld.toml || { config=$$(systemd/package/config $(BIN)/yodeld) && \
		printf '%s\n' "$$config" | install -m 0644 /dev/stdin $(DESTDIR)$(CONFDIR)/yodeld.toml; }
	install -D -m 0644 cmd/yodel/yodel.1 $(DESTDIR)$(DATADIR)/man/man1/yodel.1
	install -D -m 0644 cmd/yodeld/yodeld.8 $(DESTDIR)$(DATADIR)/man/man8/yodeld.8
	for p in yodel yodeld; do \
		sed "s/@PROG@/$$p/g" cmd/internal/completion/completion.bash | install -m 0644 /dev/stdin $(DESTDIR)$(DATADIR)/bash-completion/completions/$$p && \
		sed "s/@PROG@/$$p/g" cmd/internal/completion/completion.zsh | install -m 0644 /dev/stdin $(DESTDIR)$(DATADIR)/zsh/site-functions/_$$p || exit 1; \
	done

packages: LDFLAGS := -ldflags "-s -w -X main.version=$(VERSION)" # without symbols, which traces do not need
packages: deps-build build $(NFPM) ## make the Debian packages, in dist; the same commit gives the same bytes
	systemd/package/build.sh $(NFPM) $(BIN) $(DIST) '$(VERSION)'

# Only for an install without a build before it.
$(BIN)/yodel $(BIN)/yodeld:
	$(MAKE) build

generate: $(PROTOC_GEN) ## regenerate the Protocol Buffers code (needs protoc) and the manual pages
	$(GO) test $(TAGS) -count=1 -run ManualPage ./cmd/yodel ./cmd/yodeld -update
	protoc --plugin=$(PROTOC_GEN) --go_out=. --go_opt=paths=source_relative wire/yodel.proto

clean: ## remove what the other targets made
	rm -rf bin dist .tools

$(LINT):
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .tools/golangci-lint $@

$(NFPM):
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv .tools/nfpm $@

$(PROTOC_GEN): go.mod
	$(GO) build -o $@ google.golang.org/protobuf/cmd/protoc-gen-go
