"""docs/tour.md is the test: its commands run as pasted against a seeded demonstration, and every status is compared."""
import re
import shlex
import subprocess

from lib import harness
from lib.demo import Demo
from lib.server import ROOT

demo = None


def setup():
    global demo
    demo = Demo()
    demo.start()


def blocks(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"```bash\n(.*?)```", text, re.S)


def script(extra="", page="docs/tour.md"):
    """The lines of the page; behind each line that names a status, a comparison with it."""
    lines = ["set -u", "expect() { [ \"$status\" = \"$1\" ] || { echo \"TOUR line $2: got $status, the page says $1: $answer\"; "
             "exit 1; }; compared=$((compared + 1)); }", "compared=0"]
    for block in blocks(page):
        for number, line in enumerate(block.splitlines(), 1):
            lines.append(line)
            status = re.search(r"\s# (\d{3})$", line)
            if status:
                lines.append(f"expect {status.group(1)} {shlex.quote(line.split('#')[0].strip()[:60])}")
    return "\n".join(lines + [extra, 'echo "TOUR compared $compared"'])


def run(text):
    return subprocess.run(["bash", "-c", text], cwd=ROOT, env=demo.tour_environment(), capture_output=True, text=True,
                          timeout=300)


def test_the_page_does_what_it_says():
    done = run(script("""
        as officer GET "$s" >/dev/null; echo "TOUR final $(pick '.state + " " + .outcome')"
        as housing.handler GET "$s" >/dev/null; echo "TOUR handler $answer"
        as housing.handler GET "$s/history" >/dev/null; echo "TOUR handler-history $answer"
        as officer GET "$x/history" >/dev/null; echo "TOUR redirect $answer"
        as hubin.street GET suggestions/suggestion >/dev/null; echo "TOUR other-street $(pick '.items | length')"
        as officer POST suggestions/suggestion '{"unit": "'$(unit officer 330102)'", "title": "区级直报一件", "content": "内容"}' >/dev/null
        top=suggestions/suggestion/$(pick .id)
        as officer POST $top/transitions/screen '{}' >/dev/null
        as officer GET $top >/dev/null; echo "TOUR at-the-top $(pick '.transitions | join(" ")')"
        as member3 GET "$x" >/dev/null; echo "TOUR no-word $(pick '.state + " " + .outcome')"
        as housing.handler GET "$x" >/dev/null; echo "TOUR named $(pick .created_by)"
        as member1 GET "$s" >/dev/null; echo "TOUR member $(pick .created_by)"
    """))
    out = done.stdout + done.stderr
    assert done.returncode == 0, out[-4000:]
    said = dict(re.findall(r"^TOUR (\S+) (.*)$", done.stdout, re.M))
    assert int(said["compared"]) >= 40, said
    assert said["final"] == "confirmed adopted", said["final"]
    # Nothing is above the county: escalating is not offered there.
    assert said["at-the-top"] and "escalate" not in said["at-the-top"], said["at-the-top"]
    assert said["no-word"] == "unconfirmed declined", said["no-word"]
    assert len(said["named"]) == 36, said["named"]
    assert said["other-street"] == "0"
    submitter = said["member"]
    assert len(submitter) == 36, submitter
    # The submitter did not agree to be named: neither the record nor its history gives the department a way to tell.
    for seen in (said["handler"], said["handler-history"]):
        assert submitter not in seen and "居民甲" not in seen and "13800138000" not in seen, seen
    assert "redirect" in said["redirect"], said["redirect"]


def test_the_api_page_too():
    done = run(script(page="docs/api.md"))
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert int(re.search(r"^TOUR compared (\d+)$", done.stdout, re.M).group(1)) >= 17, done.stdout[-2000:]


if __name__ == "__main__":
    harness.main()
