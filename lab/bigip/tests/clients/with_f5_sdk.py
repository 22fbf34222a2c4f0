"""F5's own SDK, as its users use it, against a device at HOST:PORT; says `well` at the end.

    python3 with_f5_sdk.py HOST:PORT CERTIFICATE DECLARATION
"""
import os
import sys

host, certificate, _ = sys.argv[1:]
os.environ["REQUESTS_CA_BUNDLE"] = certificate

from f5.bigip import ManagementRoot
from f5.bigip.contexts import TransactionContextManager
from icontrol.exceptions import iControlUnexpectedHTTPError

address, port = host.rsplit(":", 1)


def refused(status, call, **arguments):
    """The device refuses a call, with this status."""
    try:
        call(**arguments)
    except iControlUnexpectedHTTPError as error:
        assert error.response.status_code == status, error
        return str(error)
    raise AssertionError(f"{call}{arguments} was not refused")


def login(password):
    return ManagementRoot(address, "admin", password, port=int(port), token=True, verify=certificate)


# Login: a token, and a wrong password.
root = login("admin")
refused(401, login, password="wrong")
ltm = root.tm.ltm
assert root.tmos_version.startswith("17."), root.tmos_version

# Objects of every kind: made, found, changed, read again.
monitor = ltm.monitor.https_s.http if hasattr(ltm.monitor.https_s, "http") else ltm.monitor.https.http
monitor.create(name="m", partition="Common", send="GET /ready\\r\\n", recv="200", interval=5, timeout=16)
pool = ltm.pools.pool.create(name="p", partition="Common", monitor="/Common/m")
first = pool.members_s.members.create(name="10.0.0.1:8800", partition="Common")
pool.members_s.members.create(name="10.0.0.2:8800", partition="Common")
ltm.profile.tcps.tcp.create(name="t", partition="Common", idleTimeout=300, keepAliveInterval=100)
ltm.snatpools.snatpool.create(name="s", partition="Common", members=["10.0.1.1", "10.0.1.2"])
ltm.rules.rule.create(name="r", partition="Common", apiAnonymous="when CLIENT_ACCEPTED { set seen 1 }")
ltm.virtuals.virtual.create(
    name="v", partition="Common", destination="192.0.2.10:443", ipProtocol="tcp", pool="/Common/p",
    profiles=[{"name": "t", "context": "all"}], rules=["/Common/r"],
    sourceAddressTranslation={"type": "snat", "pool": "/Common/s"},
)
assert ltm.pools.pool.exists(name="p", partition="Common")
assert not ltm.pools.pool.exists(name="q", partition="Common")
assert [member.name for member in pool.members_s.get_collection()] == ["10.0.0.1:8800", "10.0.0.2:8800"]
pool.modify(loadBalancingMode="least-connections-member")
pool.refresh()
assert pool.loadBalancingMode == "least-connections-member"
pool.description = "gateways"
pool.update()
assert ltm.pools.pool.load(name="p", partition="Common").description == "gateways"
assert len(pool.members_s.get_collection()) == 2, "a pool that is updated keeps its members"
for collection, name in [(ltm.snatpools.snatpool, "s"), (ltm.rules.rule, "r"), (ltm.profile.tcps.tcp, "t"), (monitor, "m"), (ltm.virtuals.virtual, "v")]:
    found = collection.load(name=name, partition="Common")
    found.description = "changed"
    found.update()
    found.refresh()
    assert found.description == "changed", name

# An operator's wishes.
for session, state in [("user-disabled", "user-up"), ("user-disabled", "user-down"), ("user-enabled", "user-up")]:
    first.modify(session=session, state=state)
    first.refresh()
    assert (first.session == "user-disabled") == (session == "user-disabled"), first.session
    assert (first.state == "user-down") == (state == "user-down"), first.state

# A member that was read is written back whole, although what is read cannot all be written.
first.description = "the first"
first.update()
assert pool.members_s.members.load(name="10.0.0.1:8800", partition="Common").description == "the first"

# Statistics.
assert first.stats.load().entries
assert pool.stats.load().entries
assert ltm.virtuals.virtual.load(name="v", partition="Common").stats.load().entries

# Transactions: carried out, only validated, undone as a whole.
with TransactionContextManager(root.tm.transactions.transaction) as api:
    api.tm.ltm.pools.pool.create(name="later", partition="Common")
assert ltm.pools.pool.exists(name="later", partition="Common")
with TransactionContextManager(root.tm.transactions.transaction, validate_only=True) as api:
    api.tm.ltm.pools.pool.create(name="never", partition="Common")
assert not ltm.pools.pool.exists(name="never", partition="Common")
try:
    with TransactionContextManager(root.tm.transactions.transaction) as api:
        api.tm.ltm.pools.pool.create(name="never", partition="Common")
        api.tm.ltm.pools.pool.create(name="p", partition="Common")
    raise AssertionError("a transaction with a name twice was not refused")
except Exception as error:
    assert "never" not in str(error) and not isinstance(error, AssertionError), error
assert not ltm.pools.pool.exists(name="never", partition="Common")

# What a device refuses.
assert "01020066:3:" in refused(409, ltm.pools.pool.create, name="p", partition="Common")
assert "01070151:3:" in refused(400, ltm.rules.rule.create, name="bad", partition="Common", apiAnonymous="when CLIENT_ACCEPTED { dict get 1 }")
refused(400, pool.delete)
refused(404, ltm.pools.pool.load, name="q", partition="Common")

# The device itself.
root.tm.sys.config.exec_cmd("save")
shell = root.tm.util.bash.exec_cmd("run", utilCmdArgs="-c 'tail /var/log/ltm'")
assert shell.command == "run"

# And everything away again.
for collection, name in [(ltm.virtuals.virtual, "v"), (ltm.pools.pool, "p"), (ltm.pools.pool, "later"), (ltm.rules.rule, "r"), (ltm.snatpools.snatpool, "s"), (ltm.profile.tcps.tcp, "t"), (monitor, "m")]:
    collection.load(name=name, partition="Common").delete()
    assert not collection.exists(name=name, partition="Common"), name
print("well")
