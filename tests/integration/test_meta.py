"""GET /meta: what a console draws its screens from, for each of the demonstration's people."""
from lib import harness
from lib.demo import Demo

demo = None


def setup():
    global demo
    demo = Demo()
    demo.start()


def meta(district, login):
    client = demo.client()
    base = f"/t/{district}/api/v1"
    answer = client.post(f"{base}/session", {"login": login, "password": demo.logins[(district, login)]})
    assert answer.status == 201, answer
    answer = client.get(f"{base}/meta")
    assert answer.status == 200, answer
    return answer.json


def suggestion(login):
    return meta("shangcheng", login)["plugins"][0]["resources"][0]


def may(resource):
    return {t["name"] for t in resource["transitions"] if t["may"]}


def test_the_declaration_is_all_there():
    answer = meta("shangcheng", "officer")
    assert answer["tenant"] == {"slug": "shangcheng", "name": "上城区"}, answer["tenant"]
    plugin = answer["plugins"][0]
    assert (plugin["id"], plugin["available"]) == ("suggestions", True), plugin["id"]
    resource = plugin["resources"][0]
    fields = {f["name"]: f for f in resource["fields"]}
    assert fields["title"]["label"]["zh-CN"] == "标题" and fields["title"]["required"], fields["title"]
    assert fields["topic"]["type"] == "enum" and len(fields["topic"]["values"]) == 6, fields["topic"]
    assert fields["contact_phone"]["mask"] == "phone" and fields["contact_phone"]["personal"]
    assert fields["answer"]["set_by"] == "transition"
    assert resource["list"]["columns"][:2] == ["number", "title"], resource["list"]
    assert [s["name"] for s in resource["states"] if s.get("initial")] == ["submitted"]
    assign = [t for t in resource["transitions"] if t["name"] == "assign"][0]
    assert assign["required_fields"] == ["lead_department", "working_days"], assign
    assert sorted(assign["from"]) == ["assigned", "screened"] and assign["to"] == "assigned", assign


def test_rights_are_the_callers():
    officer, member, handler = suggestion("officer"), suggestion("member1"), suggestion("housing.handler")
    assert officer["may"]["read"] and officer["may"]["unmask"] and "assign" in may(officer)
    assert member["may"]["create"] and not member["may"]["read"] and "assign" not in may(member)
    assert "answer" in may(handler) and "sign_off" not in may(handler) and not handler["may"]["create"]


def test_ones_own_departments_are_named():
    assert [d["name"] for d in meta("shangcheng", "housing.head")["departments"]] == ["住房和城乡建设局"]
    assert meta("shangcheng", "officer")["departments"] == []


def test_a_plugin_that_runs_nowhere_is_not_there():
    assert meta("lianhu", "admin")["plugins"] == []


def test_nobody_is_told_nothing():
    answer = demo.client().get("/t/shangcheng/api/v1/meta")
    assert answer.status == 401, answer


if __name__ == "__main__":
    harness.main()
