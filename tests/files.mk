# tests/: objects, programs and tests.
TEST_PROGRAMS = mktoken

mktoken_OBJS =	tests/tools/mktoken.o tests/tools/forge.o
mktoken_LIBS =	$(JANSSON_LIBS) $(SSL_LIBS)

# tests/e2e/test_x.c is the program e2e_x; tests/run brings its stack up.
E2E =		story login discovery extended desync wire audit reload crash scale master boundary
TEST_PROGRAMS += $(addprefix e2e_,$(E2E))
define e2e_program
e2e_$(1)_OBJS =	tests/e2e/e2e.o tests/e2e/raw.o tests/e2e/load.o \
		tests/e2e/test_$(1).o
e2e_$(1)_LIBS =	$(PQ_LIBS) $(SQLITE_LIBS) $(SSL_LIBS) $(CHECK_LIBS)
endef
$(foreach t,$(E2E),$(eval $(call e2e_program,$(t))))

# policyd with engines that lie when they are told to (tests/e2e/liar.c).
TEST_PROGRAMS += policyd_liar
policyd_liar_OBJS = $(sort $(filter-out policyd/engine.o,$(policyd_OBJS)) \
		tests/e2e/liar.o)
policyd_liar_LIBS = $(policyd_LIBS)
