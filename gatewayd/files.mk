# gatewayd/: objects, programs and tests.

PROGRAMS +=	gatewayctl

# The configuration checks what the exchange will say.
OAUTH_OBJS =	gatewayd/oauth.o gatewayd/pgmsg.o
NETWORK_OBJS =	common/network.o

MASTER_OBJS =	gatewayd/main.o gatewayd/master.o gatewayd/children.o \
		gatewayd/lobby.o gatewayd/control.o gatewayd/gwconf.o gatewayd/listen.o \
		gatewayd/policylink.o gatewayd/spawn.o gatewayd/tls.o \
		$(OAUTH_OBJS) $(NETWORK_OBJS)
gatewayctl_OBJS =	gatewayd/gatewayctl.o gatewayd/gwconf.o \
		gatewayd/listen.o gatewayd/tls.o $(OAUTH_OBJS) $(NETWORK_OBJS) \
		$(COMMON_OBJS)
gatewayctl_LIBS =	$(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/gatewayd/test_tls tests/unit/gatewayd/test_gwconf \
		tests/unit/gatewayd/test_children
tests/unit/gatewayd/test_tls_OBJS =	gatewayd/tls.o
tests/unit/gatewayd/test_tls_LIBS =	$(SSL_LIBS)
tests/unit/gatewayd/test_gwconf_OBJS =	gatewayd/gwconf.o gatewayd/listen.o \
		$(OAUTH_OBJS) $(NETWORK_OBJS) common/buf.o \
		gatewayd/tls.o common/conf.o common/conf_print.o \
		common/conf_tree.o common/crypto.o common/log.o \
		common/unixsock.o
tests/unit/gatewayd/test_gwconf_LIBS =	$(SSL_LIBS) $(YAML_LIBS) $(ZLIB_LIBS)
tests/unit/gatewayd/test_children_OBJS =	gatewayd/children.o \
		gatewayd/lobby.o \
		gatewayd/spawn.o gatewayd/listen.o gatewayd/tls.o \
		common/proc.o $(IPC_OBJS)
tests/unit/gatewayd/test_children_LIBS =	$(EVENT_LIBS) $(SSL_LIBS)

# The worker: see session.h for who does what.
PROGRAMS +=	gatewayd
WORKER_OBJS =	gatewayd/worker.o gatewayd/session.o gatewayd/killing.o \
		gatewayd/startup.o \
		gatewayd/backendlogin.o gatewayd/frontend.o gatewayd/deny.o \
		gatewayd/extended.o gatewayd/capped.o gatewayd/function.o \
		gatewayd/judge.o gatewayd/hold.o gatewayd/estimate.o \
		gatewayd/backend.o gatewayd/relay.o gatewayd/record.o gatewayd/pipeline.o \
		gatewayd/answer.o gatewayd/names.o gatewayd/verdicts.o \
		gatewayd/stream.o \
		gatewayd/bearer.o gatewayd/cancelreq.o gatewayd/options.o \
		gatewayd/peer.o gatewayd/answers.o gatewayd/bound.o \
		gatewayd/proxy.o \
		gatewayd/proxyhdr.o
gatewayd_OBJS =	$(MASTER_OBJS) $(WORKER_OBJS) $(COMMON_OBJS)
gatewayd_LIBS =	$(COMMON_LIBS) $(ZSTD_LIBS)

UNIT_TESTS +=	tests/unit/gatewayd/test_pipeline tests/unit/gatewayd/test_pgmsg
tests/unit/gatewayd/test_pipeline_OBJS =	gatewayd/pipeline.o \
		gatewayd/names.o gatewayd/verdicts.o common/buf.o common/codec.o \
		gatewayd/answer.o gatewayd/pgmsg.o common/content.o
tests/unit/gatewayd/test_pgmsg_OBJS =	gatewayd/pgmsg.o gatewayd/verdicts.o \
		common/buf.o common/codec.o
UNIT_TESTS +=	tests/unit/gatewayd/test_oauth
tests/unit/gatewayd/test_oauth_OBJS =	$(OAUTH_OBJS) common/buf.o
UNIT_TESTS +=	tests/unit/gatewayd/test_options
tests/unit/gatewayd/test_options_OBJS =	gatewayd/options.o
UNIT_TESTS +=	tests/unit/gatewayd/test_proxyhdr
tests/unit/gatewayd/test_proxyhdr_OBJS =	gatewayd/proxyhdr.o
UNIT_TESTS +=	tests/unit/gatewayd/test_lobby
tests/unit/gatewayd/test_lobby_OBJS =	gatewayd/lobby.o
UNIT_TESTS +=	tests/unit/gatewayd/test_hold
tests/unit/gatewayd/test_hold_OBJS =	gatewayd/hold.o gatewayd/pgmsg.o \
		gatewayd/verdicts.o gatewayd/names.o gatewayd/pipeline.o \
		gatewayd/answer.o common/content.o \
		common/buf.o common/codec.o common/ev.o common/log.o \
		common/crypto.o
tests/unit/gatewayd/test_hold_LIBS =	$(COMMON_LIBS)
UNIT_TESTS +=	tests/unit/gatewayd/test_bound
tests/unit/gatewayd/test_bound_OBJS =	gatewayd/bound.o gatewayd/pgmsg.o \
		common/buf.o common/redact.o common/sqllex.o common/visible.o \
		common/crypto.o common/log.o
tests/unit/gatewayd/test_bound_LIBS =	$(SSL_LIBS) $(ZLIB_LIBS)
