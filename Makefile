# Postern.  `make` builds, `make check` tests, `make demo` tells the story.
# Objects go to $(O), so that builds by another compiler or with sanitizers
# (make SAN=1, make CC=clang) live side by side.

-include config.mk

# Tests run the programs of $(O) by absolute path.
CLANG =		$(findstring clang,$(notdir $(firstword $(CC))))
O ?=		build$(if $(CLANG),-clang)$(if $(SAN),-san)
CPPFLAGS +=	-D_GNU_SOURCE -DPOSTERN_VERSION='"$(VERSION)"' \
		-DPOSTERN_SYSCONFDIR='"$(sysconfdir)/postern"'
CFLAGS ?=	-O2 -g
WARN =		-std=c11 -Wall -Wextra -Wpedantic -Werror -Wshadow \
		-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
		-Wvla -Wformat=2
ALL_CFLAGS =	$(WARN) -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
		-fPIE $(CFLAGS)
ALL_LDFLAGS =	-pie -Wl,-z,relro,-z,now $(LDFLAGS)
ifdef SAN
ALL_CFLAGS =	$(WARN) -fPIE -O1 -g -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=all
ALL_LDFLAGS =	-pie -fsanitize=address,undefined $(LDFLAGS)
endif

ifdef FUZZING
ALL_CFLAGS =	$(WARN) -fPIE -O1 -g -fno-omit-frame-pointer \
		-fsanitize=address,undefined,fuzzer-no-link \
		-fno-sanitize-recover=all
ALL_LDFLAGS =	-pie -fsanitize=address,undefined,fuzzer $(LDFLAGS)
endif

# Each directory lists its objects, programs and unit tests.
PROGRAMS =
UNIT_TESTS =
include common/files.mk gatewayd/files.mk policyd/files.mk auditd/files.mk
include tests/files.mk

DAEMONS =	gatewayd policyd auditd
# make V=1 shows the commands.
Q =		$(if $(V),,@)
SAY =		@$(if $(V),:,echo "  $(1)")
BINS =		$(addprefix $(O)/bin/,$(PROGRAMS))
UNITS =		$(addprefix $(O)/,$(UNIT_TESTS))

.DEFAULT_GOAL :=	all
.PHONY: all bench-catalog bench-record check check-idp check-clients check-long check-pg \
	check-pgversions check-sqlsmith check-twins check-ui demo bench lint \
	analyze fuzz install uninstall dist clean \
	distclean unit build-tests
.SUFFIXES:
.DELETE_ON_ERROR:

all: $(BINS)
build-tests: all $(UNITS) $(addprefix $(O)/bin/,$(TEST_PROGRAMS))

# The first make finds no config.mk and makes it; make then starts over.
config.mk: configure config.mk.in
	env -u CC ./configure --quiet
configure: configure.ac
	sh tests/deps
	autoconf
	autoheader
Makefile: config.mk

# --- compiling: a daemon sees common/ and itself, nothing else ------------

INCLUDES =	-I. -Icommon -I$(firstword $(subst /, ,$(patsubst tests/unit/%,%,$<)))
LIB_CFLAGS =	$(EVENT_CFLAGS) $(SSL_CFLAGS) $(YAML_CFLAGS) $(CJOSE_CFLAGS) \
		$(JANSSON_CFLAGS) $(PCRE2_CFLAGS) $(CURL_CFLAGS) $(SQLITE_CFLAGS) \
		$(PQ_CFLAGS) $(ZSTD_CFLAGS) $(PROTOBUFC_CFLAGS) $(MICROHTTPD_CFLAGS) \
		$(CHECK_CFLAGS)

$(O)/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(call SAY,CC $<)
	$(Q)$(CC) $(CPPFLAGS) $(INCLUDES) $(LIB_CFLAGS) $(ALL_CFLAGS) -MMD -MP \
	    -c -o $@ $<

# <program>_OBJS and <program>_LIBS say what a program is made of.
define program_rule
$(O)/bin/$(1): $$(addprefix $(O)/,$$($(1)_OBJS))
	@mkdir -p $$(@D)
	$$(call SAY,LD $$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach p,$(PROGRAMS) $(TEST_PROGRAMS),$(eval $(call program_rule,$(p))))

# tests/unit/<dir>/test_x is tests/unit/<dir>/test_x.c and its _OBJS.
define unit_rule
$(O)/$(1): $(O)/$(1).o $$(addprefix $(O)/,$$($(1)_OBJS))
	@mkdir -p $$(@D)
	$$(call SAY,LD $$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ $$($(1)_LIBS) \
	    $$(CHECK_LIBS)
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_rule,$(t))))

-include $(shell test -d $(O) && find $(O) -name '*.d')

# --- testing ---------------------------------------------------------------

TEST_ENV =	POSTERN_BUILD=$(abspath $(O)) POSTERN_SRC=$(CURDIR) CC="$(CC)" \
		MAKE="$(MAKE)" $(if $(SAN),POSTERN_SLOW=1)

unit: $(UNITS)
	@$(TEST_ENV) tests/run unit $(UNITS)

# Installs what is missing (root), builds, runs every test, and says how many
# passed and failed.  make check TESTS="unit story" runs some of them.
check:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) UNITS="$(UNITS)" tests/run $(TESTS)

# More of what takes long, and other servers than Debian's PostgreSQL.
check-long:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) MINT_SESSIONS=1000 E2E_LIMIT=3600 STEPS_ALL=1 \
	    HELD_HOURS=1 POSTERN_DENIALS=10 \
	    POSTERN_FRAMES=2000 STORM_SESSIONS=100 STORM_SECONDS=60 \
	    CROWD=10000 CROWD_MS=1000 \
	    tests/run $${TESTS:-mint steps held denials frames storm crowd}
	@$(TEST_ENV) POSTERN_POWERCUTS=200 \
	    $(O)/tests/unit/auditd/test_powercut
	@[ -n "$$TESTS" ] || $(MAKE) --no-print-directory check-twins
check-pgversions:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/pgversions
# PostgreSQL's own regression suite, directly and through Postern.
check-pg:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/regress/run $(TESTS)
# The same work by real clients and drivers, directly and through Postern.
check-clients:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/clients/run $(TESTS)
	@$(TEST_ENV) tests/clients/waiting $(TESTS)
# Random queries against two databases that differ in protected values only.
check-twins:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@seed=$${POSTERN_SEED:-$$(date +%s)}; echo "POSTERN_SEED=$$seed"; \
	    E2E_LIMIT=14400 POSTERN_TWINS=$${POSTERN_TWINS:-1000000} \
	    POSTERN_SEED=$$seed $(TEST_ENV) tests/run twins
# sqlsmith's statements against the same two databases.
check-sqlsmith:
	@sh tests/deps $(CLANG) sqlsmith
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@E2E_LIMIT=7200 $(TEST_ENV) tests/run smith
# Real identity providers, from npm and Debian: a few minutes.
check-idp:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/idp/run

# The page for approvers, and the one of auditctl replay, in Debian's chromium;
# screenshots in $(O)/ui.
check-ui:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/ui/run

demo:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/demo

bench:
	@sh tests/deps $(CLANG)
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@$(TEST_ENV) tests/bench/run

# A store of BENCH_EVENTS events (1000000): writing it, asking it, verifying it.
bench-record: all
	@sh tests/deps
	@$(MAKE) --no-print-directory $(O)/bin/bench_record
	@$(TEST_ENV) tests/bench/recordrun

# A database of 50,000 relations: reading it, its engines, a fresh one.
bench-catalog: all
	@sh tests/deps
	@$(TEST_ENV) tests/bench/catalog

lint:
	@$(TEST_ENV) LIB_CFLAGS="$(LIB_CFLAGS)" tests/lint

# libFuzzer, FUZZ_SECONDS for each target; what it finds stays in
# build-fuzz/found, and is run again by build/bin/fuzz_x FILE.
FUZZ_SECONDS ?=	10
fuzz:
	@sh tests/deps clang libclang-rt-14-dev
	@$(MAKE) --no-print-directory -j$$(nproc) CC=clang O=build-fuzz \
	    FUZZING=1 $(addprefix build-fuzz/bin/fuzz_,$(FUZZ))
	@for t in $(FUZZ); do \
	    mkdir -p build-fuzz/found/$$t build-fuzz/new/$$t && \
	    echo "fuzz $$t" && \
	    build-fuzz/bin/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) \
		-verbosity=0 -print_final_stats=1 -max_len=8192 \
		-artifact_prefix=build-fuzz/found/$$t/ build-fuzz/new/$$t \
		tests/fuzz/corpus/$$t || exit 1; \
	done

# What a compiler can find by thinking longer.
analyze:
	$(MAKE) O=build-analyze CC=gcc CFLAGS="-O1 -g -fanalyzer" all

install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) \
	    $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man7 \
	    $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(sysconfdir)/postern \
	    $(DESTDIR)/var/empty
	for p in $(PROGRAMS); do \
	    install -m 755 $(O)/bin/$$p $(DESTDIR)$(sbindir)/$$p || exit 1; \
	done
	for m in man/*.[1-9]; do \
	    install -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/ || exit 1; \
	done
	for f in etc/*.yaml; do \
	    install -m 644 $$f $(DESTDIR)$(sysconfdir)/postern/$${f##*/}.example \
		|| exit 1; \
	done

uninstall:
	for p in $(PROGRAMS); do rm -f $(DESTDIR)$(sbindir)/$$p; done
	for m in man/*.[1-9]; do \
	    rm -f $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}; \
	done
	for f in etc/*.yaml; do \
	    rm -f $(DESTDIR)$(sysconfdir)/postern/$${f##*/}.example; \
	done

# What is committed, and nothing else.
dist:
	git archive --prefix=postern-$(VERSION)/ -o postern-$(VERSION).tar.gz HEAD

clean:
	rm -rf build build-*
distclean: clean
	rm -rf config.mk config.h config.h.in config.log config.status \
	    configure autom4te.cache
