# pg_influence: PGXS build, and the entry points of the scripts that test and
# show it.
#
#   make && make install && make installcheck    as for any extension
#   make check                                   everything, on throw-away clusters
#
# The goals in SCRIPT_GOALS need nothing but make and git: they fetch what is
# missing themselves, so PGXS is not even looked for when they are asked for.
# They are defined only then, because PGXS has a "check" of its own.

SCRIPT_GOALS = bench bench-feed check check-long coverage demo format lint

EXTENSION = pg_influence
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" pg_influence.control)
MODULE_big = pg_influence
PGFILEDESC = "pg_influence - engine for creator-commerce programs"

OBJS := $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# SQL_PARTS: the install script, piece by piece
include src/sql_order.mk
DATA_built = pg_influence--$(EXTVERSION).sql

REGRESS := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=pg_influence
ISOLATION := $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --load-extension=pg_influence \
	--inputdir=test/isolation --outputdir=test/isolation

# WARNFLAGS is for the developer's extra strictness (-Werror), OPTFLAGS for the
# builder's machine (-O3 -march=native). A product and a sum are rounded one by
# one on every machine: results that are said to be the same to the bit are.
WARNFLAGS ?=
OPTFLAGS ?=
PG_CPPFLAGS = -Isrc -DPG_INFLUENCE_VERSION='"$(EXTVERSION)"' \
	$(shell pkg-config --cflags libxxhash 2>/dev/null)
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -MMD -MP -ffp-contract=off -fno-semantic-interposition $(WARNFLAGS) $(OPTFLAGS)
# a call within the library is a call, not a look into a table of what the server may have put in its place; not every linker knows it
LINK_linux = -Wl,-Bsymbolic-functions
SHLIB_LINK = $(LINK_$(PORTNAME)) $(shell pkg-config --libs libxxhash 2>/dev/null || echo -lxxhash) -lm

DEPFILES = $(OBJS:.o=.d)
EXTRA_CLEAN = $(DEPFILES) test/isolation/results test/isolation/output_iso

ifneq ($(filter-out $(SCRIPT_GOALS),$(or $(MAKECMDGOALS),all)),)
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
# Debian has PGXS in another package than the headers
ifeq ($(and $(wildcard $(PGXS)),$(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h)),)
$(error PGXS or the server's headers not found: install the PostgreSQL server headers (Debian: postgresql-server-dev-15) or set PG_CONFIG)
endif
include $(PGXS)
-include $(DEPFILES)

# what runs for each of millions of rows
$(filter src/attribution/% src/common/radix%,$(OBJS)): override CFLAGS += -O3 $(OPTFLAGS)

# cat, never echo: a shell's echo may interpret the backslashes of \echo
$(DATA_built): $(SQL_PARTS) src/sql_order.mk pg_influence.control
	cat $(SQL_PARTS) > $@.tmp
	mv $@.tmp $@
endif

ifneq ($(filter $(SCRIPT_GOALS),$(MAKECMDGOALS)),)
.PHONY: $(SCRIPT_GOALS)

# Every test; see test/README.md
check:
	@test/run

# The same with larger random inputs and longer races
check-long:
	@PGI_LONG=1 test/run

# Lines of C executed by the tests, per file
coverage:
	@PGI_COVERAGE=1 test/run

# The story of a program, told on a throw-away cluster
demo:
	@demo/run

# Attribution beside SQL and DuckDB, on a throw-away cluster; writes
# docs/reference/performance.md. SIZE=10M ROUNDS=5 LARGE=100M: test/bench/README.md
# PART=orders: record_order beside a bare transaction; PART=hot: a hot creator; PART=settle: the
# settlement of a month beside a plain sum; PART=payouts: a payout run beside one; PART=stats: the
# minute job of the statistics; PART=creators: scoring posts beside a plain scan; PART=neighbors:
# item_neighbors() beside the self-join in SQL and in DuckDB; PART=sizes: bytes of events
bench:
	@test/bench/$(if $(filter settle payouts stats creators neighbors feed sizes,$(PART)),$(PART),run)

# Pages of the feed beside SQL of the same semantics; PART=feed is the same. SIZE=100k for a smaller program
bench-feed:
	@test/bench/feed

# Reformats the C files in place
format:
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch] test/unit/*.[ch])

# What compilers don't say
lint:
	@bash test/lib/lint.sh

endif
