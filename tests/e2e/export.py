# auditctl export --format cef|ocsf on standard input: every line is what it has
# to be, and the statement in the file that is named comes out as it went in.
import json
import re
import sys

form, wanted = sys.argv[1], open(sys.argv[2]).read()
found = refused = logons = 0


def cef(line):
    header = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert len(header) == 8 and header[:3] == ["CEF:0", "Postern", "Postern"]
    assert header[6].isdigit(), header
    out = {}
    for name, value in re.findall(
            r"(\w+)=((?:\\.|[^\\=])*)(?=\s\w+=|$)", header[7]):
        out[name] = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(
            m[1], m[1]), value)
    assert int(out["rt"]) > 0 and int(out["externalId"]) > 0
    body = json.loads(out["cs6"])
    return (out.get("cs5"), out.get("act") == "deny",
            header[4] == "session_open" and out["suser"] == body["subject"])


def ocsf(line):
    o = json.loads(line)
    assert o["type_uid"] == o["class_uid"] * 100 + o["activity_id"], o
    assert o["category_uid"] == o["class_uid"] // 1000, o
    assert o["time"] > 0 and o["severity_id"] and o["metadata"]["version"]
    body = o["unmapped"]["body"]
    logon = o["class_uid"] == 3002 and o["activity_id"] == 1
    return (o.get("query_info", {}).get("query_string"),
            o["status_id"] == 2 and body.get("action") == "deny",
            logon and o["user"]["name"] == body["subject"])


for line in sys.stdin.buffer.read().decode().split("\n")[:-1]:
    text, deny, logon = (cef if form == "cef" else ocsf)(line)
    found += text == wanted
    refused += deny
    logons += logon
if not (found and refused and logons):
    sys.exit(f"{form}: found {found}, refused {refused}, logons {logons}")
