#!/usr/bin/env python3
# Counts cmocka's cases in meson's testlog.json; the last line says N passed, N failed, N skipped.
import json
import re
import sys

CASE = re.compile(r"^\[ *(OK|FAILED|SKIPPED|ERROR) *\] (\w+)$", re.M)
KIND = {"OK": "passed", "FAILED": "failed", "ERROR": "failed", "SKIPPED": "skipped"}


def cases_of(run):
    """(passed, failed, skipped) of one program; one that died without a word is one failure."""
    output = run.get("stdout", "") + run.get("stderr", "")
    seen = {}
    for kind, name in CASE.findall(output):
        if seen.get(name) != "failed":
            seen[name] = KIND[kind]
    result = [sum(1 for v in seen.values() if v == k) for k in ("passed", "failed", "skipped")]
    if run["result"] in ("SKIP",) and not seen:
        result[2] = 1
    elif run["result"] not in ("OK", "SKIP") and not result[1]:
        result[1] = 1
    elif not seen:
        result[0] = 1
    return result, output


def main():
    total = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            run = json.loads(line)
            result, output = cases_of(run)
            total = [a + b for a, b in zip(total, result)]
            if result[1]:
                print(f"  FAIL unit {run['name']} ({sys.argv[2]}: {run['result']})")
                print("\n".join("    " + text for text in output.splitlines()[-40:]))
    print("{} passed, {} failed, {} skipped".format(*total))


if __name__ == "__main__":
    main()
