"""The audit trail of a running server: what juxinctl and the server do is sealed within seconds, and a superuser who
alters, deletes or cuts off rows behind the server's back is found out."""
import json
import os

from lib import harness
from lib.server import ROOT, Server

server = None


def setup():
    global server
    server = Server(workers=2).start()
    server.ctl("tenant", "create", "audited", "--name", "Audited")
    server.ctl("unit", "import", "audited", ROOT / "deploy/demo/lianhu.json")
    harness.wait_until(lambda: verify()["unsealed"] == 0 and verify()["batches"] > 0, what="seal")


def verify(*more, code=0):
    done = server.ctl("audit", "verify", "audited", "--json", *more, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def tampered(do, undo, fault):
    before = verify()
    assert before["fault_count"] == 0
    server.psql(do)
    found = server.ctl("audit", "verify", "audited", check=False)
    server.psql(undo)
    assert found.returncode == 1 and fault in found.stdout + found.stderr, (do, found.stdout, found.stderr)
    assert verify()["fault_count"] == 0


def tenant_id():
    return server.psql("SELECT id FROM juxin.tenant WHERE slug = 'audited'")[0][0]


def test_what_was_done_is_there():
    actions = {row[0] for row in server.psql(f"SELECT DISTINCT action FROM juxin.audit WHERE tenant_id = {tenant_id()}")}
    assert any("unit" in a for a in actions), actions
    assert verify()["rows"] >= 1


def test_the_head_is_in_the_log():
    head = verify()["head"]
    lines = [json.loads(line) for line in open(server.log_file, encoding="utf-8") if '"audit.sealed"' in line]
    assert head in [line["head"] for line in lines], (head, lines)
    assert verify("--head", head)["fault_count"] == 0


def test_an_altered_row_is_found():
    tampered(f"UPDATE juxin.audit SET fields = fields || ',x' WHERE tenant_id = {tenant_id()}",
             f"UPDATE juxin.audit SET fields = left(fields, -2) WHERE tenant_id = {tenant_id()}", "altered")


def test_a_deleted_row_is_found():
    server.psql("CREATE TABLE kept AS SELECT * FROM juxin.audit WHERE false")
    tampered(f"WITH gone AS (DELETE FROM juxin.audit WHERE tenant_id = {tenant_id()} AND id = (SELECT id FROM juxin.audit "
             f"WHERE tenant_id = {tenant_id()} ORDER BY id LIMIT 1) RETURNING *) INSERT INTO kept SELECT * FROM gone",
             "INSERT INTO juxin.audit SELECT * FROM kept", "deleted")


def test_a_trail_cut_off_is_found_by_its_head_and_by_the_digest():
    digest = os.path.join(harness.scratch(), "digest.txt")
    head, tenant = verify()["head"], tenant_id()
    with open(digest, "w", encoding="utf-8") as out:
        out.write(server.ctl("audit", "digest").stdout)
    assert f"\n{tenant} " in open(digest, encoding="utf-8").read()
    assert server.ctl_json("audit", "digest", "--check", digest)["fault_count"] == 0
    server.psql(f"BEGIN; DELETE FROM juxin.audit WHERE tenant_id = {tenant};"
                f"DELETE FROM juxin.audit_member WHERE tenant_id = {tenant};"
                f"DELETE FROM juxin.audit_pending WHERE tenant_id = {tenant};"
                f"DELETE FROM juxin.audit_seal WHERE tenant_id = {tenant}; COMMIT")
    assert verify()["fault_count"] == 0  # what is left holds together
    cut = server.ctl("audit", "verify", "audited", "--head", head, check=False)
    assert cut.returncode == 1 and "truncated" in cut.stdout + cut.stderr, cut
    assert server.ctl("audit", "digest", "--check", digest, check=False).returncode == 1


def test_a_forged_digest_is_refused():
    digest = os.path.join(harness.scratch(), "forged.txt")
    text = open(os.path.join(harness.scratch(), "digest.txt"), encoding="utf-8").read()
    with open(digest, "w", encoding="utf-8") as out:
        out.write(text.replace(f"\n{tenant_id()} ", f"\n{tenant_id()}0 "))
    refused = server.ctl("audit", "digest", "--check", digest, check=False)
    assert refused.returncode == 1 and "signature" in refused.stderr, refused


if __name__ == "__main__":
    harness.main()
