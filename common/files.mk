# common/: what every daemon links.
COMMON_OBJS =	common/buf.o common/codec.o common/conf.o common/content.o \
		common/conf_print.o common/conf_tree.o common/crypto.o \
		common/ctl.o common/ev.o common/event_kinds.o common/ipc.o \
		common/ipc_msgs.o common/log.o common/page.o common/proc.o \
		common/redact.o common/sign.o common/spool.o \
		common/sqllex.o common/touched.o common/unixsock.o \
		common/visible.o
COMMON_LIBS =	$(EVENT_LIBS) $(SSL_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) \
		$(ZLIB_LIBS)

# What a program needs that speaks ipc but reads no configuration.
IPC_OBJS =	common/buf.o common/codec.o common/ev.o common/ipc.o \
		common/ipc_msgs.o common/log.o common/unixsock.o

UNIT_TESTS += tests/unit/common/test_ipc
tests/unit/common/test_ipc_OBJS =	$(IPC_OBJS) common/proc.o
tests/unit/common/test_ipc_LIBS =	$(EVENT_LIBS)

UNIT_TESTS += tests/unit/common/test_touched
tests/unit/common/test_touched_OBJS =	common/touched.o

UNIT_TESTS += tests/unit/common/test_content
tests/unit/common/test_content_OBJS =	common/content.o

UNIT_TESTS += tests/unit/common/test_visible
tests/unit/common/test_visible_OBJS =	common/buf.o common/visible.o

UNIT_TESTS += tests/unit/common/test_sqllex tests/unit/common/test_redact
tests/unit/common/test_sqllex_OBJS =	common/sqllex.o
tests/unit/common/test_redact_OBJS =	common/redact.o common/sqllex.o \
		common/visible.o common/buf.o common/crypto.o common/log.o
tests/unit/common/test_redact_LIBS =	$(SSL_LIBS) $(ZLIB_LIBS)

UNIT_TESTS += tests/unit/common/test_conf tests/unit/common/test_ctl
tests/unit/common/test_conf_OBJS =	common/conf.o common/conf_print.o \
					common/conf_tree.o
tests/unit/common/test_conf_LIBS =	$(YAML_LIBS)
tests/unit/common/test_ctl_OBJS =	$(IPC_OBJS) common/ctl.o common/visible.o
tests/unit/common/test_ctl_LIBS =	$(EVENT_LIBS) $(JANSSON_LIBS)
