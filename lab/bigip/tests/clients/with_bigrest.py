"""bigrest, as its users use it, against a device at HOST:PORT; says `well` at the end.

    python3 with_bigrest.py HOST:PORT CERTIFICATE DECLARATION
"""
import json
import os
import sys
import time

host, certificate, declaration = sys.argv[1:]
# What this names goes before what a session is told.
os.environ["REQUESTS_CA_BUNDLE"] = certificate

from bigrest.bigip import BIGIP
from bigrest.common.exceptions import RESTAPIError


def refused(status, call, *arguments):
    """The device refuses a call, with this status."""
    try:
        call(*arguments)
    except RESTAPIError as error:
        assert f"{status}" in str(error), error
        return str(error)
    raise AssertionError(f"{call.__name__}{arguments} was not refused")


# Login: a token, and a wrong password.
device = BIGIP(host, "admin", "admin", request_token=True, session_verify=certificate)
refused(401, lambda: BIGIP(host, "admin", "wrong", request_token=True, session_verify=certificate))
assert device.load("/mgmt/tm/sys/version").properties["kind"] == "tm:sys:version:versionstats"

# Objects of every kind: made, read, changed, saved whole.
pool, members = "/mgmt/tm/ltm/pool/~Common~p", "/mgmt/tm/ltm/pool/~Common~p/members"
member = f"{members}/~Common~10.0.0.1:8800"
device.create("/mgmt/tm/ltm/monitor/http", {"name": "m", "send": "GET /ready\\r\\n", "recv": "200", "interval": 5, "timeout": 16})
device.create("/mgmt/tm/ltm/pool", {"name": "p", "monitor": "/Common/m", "members": [{"name": "10.0.0.1:8800"}]})
device.create(members, {"name": "10.0.0.2:8800"})
device.create("/mgmt/tm/ltm/profile/tcp", {"name": "t", "idleTimeout": 300, "keepAliveInterval": 100})
device.create("/mgmt/tm/ltm/snatpool", {"name": "s", "members": ["10.0.1.1", "10.0.1.2"]})
device.create("/mgmt/tm/ltm/rule", {"name": "r", "apiAnonymous": "when CLIENT_ACCEPTED { set seen 1 }"})
device.create("/mgmt/tm/ltm/virtual", {
    "name": "v", "destination": "/Common/192.0.2.10:443", "ipProtocol": "tcp", "pool": "/Common/p",
    "profiles": [{"name": "t", "context": "all"}], "rules": ["/Common/r"],
    "sourceAddressTranslation": {"type": "snat", "pool": "/Common/s"},
})
assert device.exist(pool) and not device.exist("/mgmt/tm/ltm/pool/~Common~q")
assert [one.properties["name"] for one in device.load(members)] == ["10.0.0.1:8800", "10.0.0.2:8800"]
loaded = device.load(pool)
loaded.properties["loadBalancingMode"] = "least-connections-member"
assert device.save(loaded).properties["loadBalancingMode"] == "least-connections-member"
assert len(device.load(members)) == 2, "a pool that is saved keeps its members"
server = device.load("/mgmt/tm/ltm/virtual/~Common~v")
server.properties["description"] = "devices"
assert device.save(server).properties["rules"] == ["/Common/r"]
for kind, path in [("snatpool", "s"), ("rule", "r"), ("profile/tcp", "t"), ("monitor/http", "m")]:
    saved = device.save(device.load(f"/mgmt/tm/ltm/{kind}/~Common~{path}"))
    assert saved.properties["fullPath"] == f"/Common/{path}"

# An operator's wishes, and a member read and saved again.
for session, state in [("user-disabled", "user-up"), ("user-disabled", "user-down"), ("user-enabled", "user-up")]:
    device.modify(member, {"session": session, "state": state})
    stored = device.load(member).properties
    assert (stored["session"] == "user-disabled") == (session == "user-disabled"), stored
    assert (stored["state"] == "user-down") == (state == "user-down"), stored

# Statistics: of one, and of all.
assert device.show(member).properties["serverside.curConns"]["value"] == 0
assert device.show(pool).properties["memberCnt"]["value"] == 2
assert len(device.show(members)) == 2
assert len(device.show("/mgmt/tm/ltm/virtual")) == 1

# Transactions: only validated, carried out, undone as a whole.
device.transaction_create()
device.create("/mgmt/tm/ltm/pool", {"name": "later"})
device.transaction_validate()
device.session.headers.pop("X-F5-REST-Coordination-Id")
assert not device.exist("/mgmt/tm/ltm/pool/~Common~later")
with device:
    device.create("/mgmt/tm/ltm/pool", {"name": "later"})
    device.modify(pool, {"description": "together"})
assert device.exist("/mgmt/tm/ltm/pool/~Common~later")
device.transaction_create()
device.delete("/mgmt/tm/ltm/pool/~Common~later")
device.create("/mgmt/tm/ltm/virtual", {"name": "w", "destination": "/Common/192.0.2.11:443", "pool": "/Common/none"})
refused(404, device.transaction_commit)
assert device.exist("/mgmt/tm/ltm/pool/~Common~later")

# What a device refuses.
assert "01020066:3:" in refused(409, device.create, "/mgmt/tm/ltm/pool", {"name": "p"})
assert "01070151:3:" in refused(400, device.create, "/mgmt/tm/ltm/rule", {"name": "bad", "apiAnonymous": "when CLIENT_ACCEPTED { dict get 1 }"})
refused(400, device.delete, pool)
refused(404, device.load, "/mgmt/tm/ltm/pool/~Common~q")

# Saving, as a command and as a task of the device.
device.command("/mgmt/tm/sys/config", {"command": "save"})
task = device.task_start("/mgmt/tm/task/sys/config", {"command": "save"})
device.task_wait(task, interval=0.1)
assert device.task_completed(task)
assert device.task_result(task) == ""
refused(404, device.task_start, "/mgmt/tm/task/sys/ucs", {"command": "save"})

# AS3: dry run, declaration, its task, removal.
with open(declaration) as file:
    wanted = json.load(file)
declare = "/mgmt/shared/appsvcs/declare"
tenant = next(name for name, value in wanted["declaration"].items() if isinstance(value, dict) and value.get("class") == "Tenant")
dry = device.create(f"{declare}?controls.dryRun=true", wanted)
assert dry.properties["results"][0]["code"] == 200, dry
assert tenant not in device.load("/mgmt/tm/auth/partition").__repr__()
submitted = device.create(f"{declare}?async=true", wanted)
for _ in range(100):
    done = device.load(f"/mgmt/shared/appsvcs/task/{submitted.properties['id']}")
    if done.properties["results"][0]["message"] != "in progress":
        break
    time.sleep(0.1)
assert done.properties["results"][0]["message"] == "success", done
assert device.load(declare).properties[tenant]["class"] == "Tenant"
assert device.create(declare, wanted).properties["results"][0]["message"] == "no change"
invalid = json.loads(json.dumps(wanted))
invalid["declaration"]["class"] = "ADD"
refused(422, device.create, declare, invalid)
device.delete(f"{declare}/{tenant}")

# And everything away again.
for path in ["virtual/~Common~v", "pool/~Common~p", "pool/~Common~later", "rule/~Common~r", "snatpool/~Common~s", "profile/tcp/~Common~t", "monitor/http/~Common~m"]:
    device.delete(f"/mgmt/tm/ltm/{path}")
print("well")
