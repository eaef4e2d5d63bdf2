# baton: `make demo` is the main job, `make test` runs every test. Both install the Debian packages they need.
.PHONY: demo demo-pool lab build man deb test test-hosts test-n210 bench bench-agent bench-n210 bench-modem bench-relay compare video soak soak-pool failures standby-table fuzz lint packages test-packages picture clean

CARGO ?= cargo
BATON := target/release/baton

demo: build
	$(BATON) demo

# Three servers, three radios and the pool's store, with the Pool page.
demo-pool: build
	@scripts/install-etcd
	$(BATON) demo --pool

lab: build
	$(BATON) lab

build: packages
	$(CARGO) build --release --locked

test: packages test-packages
	$(CARGO) test --release --locked --workspace --no-fail-fast

# The software N210 against stock programs and flow graphs, those that take long or need GNU Radio (0.5 GB) too.
test-n210: packages test-packages
	@scripts/install-packages gnuradio
	$(CARGO) test --release --locked --package n210
	$(CARGO) test --release --locked --test it -- --include-ignored stock_uhd n210_ flow_graphs --skip seeds

# A manual page for every subcommand: man -l target/man/man1/baton-status.1
man: build
	$(BATON) man --dir target/man/man1

# Debian packages, in target/debian: baton, and baton-uhd, which alone links libuhd.
deb: build
	@scripts/install-packages debhelper dpkg-dev lintian
	scripts/make-deb
	lintian --fail-on error,warning --tag-display-limit 0 target/debian/baton_*.changes

# docs/hosts.md, typed into three Debian systems that boot in containers: packages, agents by systemd, moves, upgrade, reboots, removal. Needs root.
test-hosts: deb
	@scripts/install-packages mmdebstrap systemd-container iproute2 openssh-client python3
	scripts/test-hosts

# Everything that is measured, under an hour, and docs/benchmarks.md from it. PARTS=migrations ROUNDS=5 METHODS='classic hot' for less of it.
# The programs that measure are built before: nothing compiles while something is measured.
bench: packages test-packages
	$(CARGO) test --release --locked --workspace --no-run --lib
	$(CARGO) bench --locked --no-run --bench agent --bench console --bench n210_latency
	$(CARGO) build --release --locked
	scripts/bench

# Agents and engine alone.
bench-agent: build
	scripts/bench-agent

# The software N210 alone, with stock benchmark_rate as the client; SCALE=0.1 for a quick look.
bench-n210: build test-packages
	scripts/bench-n210

# The modem alone, in the simulated channel; draws docs/pictures/ber.svg and acquisition.svg.
bench-modem: packages
	scripts/bench-modem

# libFuzzer on stable Rust, each target in turn for so long: make fuzz SECONDS=600, or make fuzz TARGETS=n210
SECONDS ?= 60
TARGETS ?= configuration link link_client n210 protocol
fuzz:
	@scripts/install-packages gcc g++ libc6-dev
	set -e; for target in $(TARGETS); do scripts/fuzz $$target $(SECONDS); done

# Moves and take-overs under random faults, the invariants watched from outside, in LABS labs side by side: make soak SEED=1 EPISODES=200 LABS=2.
# Each lab adds a line to docs/soak.tsv.
SEED ?= 1
EPISODES ?= 200
soak: packages test-packages
	SEED=$(SEED) EPISODES=$(EPISODES) LABS=$(or $(LABS),2) $(CARGO) test --release --locked --test soak -- --ignored --nocapture moves_and_take_overs

# Three servers and three radios under random orders and faults, judged from outside: make soak-pool SEED=1 EPISODES=20, one lab. Pieces add up:
# each adds a line to docs/soak-pool.tsv, and docs/pool.md has their sum.
soak-pool: packages test-packages
	SEED=$(SEED) EPISODES=$(EPISODES) $(CARGO) test --release --locked --test soak -- --ignored --nocapture a_pool_under_random

# Every fault at every step, most of an hour: writes docs/failures.md. CELLS='M hot|MB hot' for some of them, CELLS=missing for
# those without a result, LABS=1 for fewer labs side by side.
failures: packages test-packages
	CELLS='$(CELLS)' LABS=$(or $(LABS),2) $(CARGO) test --release --locked --test failures -- --ignored --nocapture no_fault

# Everything that may fail while a standby is armed, most of an hour: writes docs/standby.tsv and the end of docs/standby.md. CELLS as above.
standby-table: packages test-packages
	CELLS='$(CELLS)' LABS=$(or $(LABS),1) $(CARGO) test --release --locked --test failures -- --ignored --nocapture the_standby_does

# A video through the relay while the relay migrates; METHOD=classic MIGRATIONS=4.
video: build
	@scripts/install-packages ffmpeg
	scripts/relay-video

# The other ways (QEMU, CRIU) beside baton's own, interleaved in one run, ten minutes; writes docs/comparison.md. EACH=3 ROUNDS=1 for a quick look.
compare: build
	scripts/install-criu
	scripts/install-qemu
	scripts/compare

# Relay and plain, cold and classic, interleaved in one run.
bench-relay: build
	scripts/bench-relay

# The cheap ones first. Clippy checks in the profile of edits.
lint: packages
	@scripts/install-packages python3
	scripts/check-house
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# The picture in README: exported by the program itself during a real run.
picture: build
	@scripts/install-packages tmux
	scripts/picture
	scripts/picture-pool

packages:
	@scripts/install-packages gcc libc6-dev pkg-config libclang-dev libuhd-dev libboost-system-dev

test-packages:
	@scripts/install-packages uhd-host iproute2 iputils-ping python3 python3-zmq tmux procps python3-uhd python3-numpy tshark ffmpeg python3-soapysdr soapysdr-module-uhd nftables faketime e2fsprogs
	@scripts/install-criu
	@scripts/install-qemu
	@scripts/install-prometheus
	@scripts/install-etcd

clean:
	$(CARGO) clean
