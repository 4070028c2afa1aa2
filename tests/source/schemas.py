#!/usr/bin/env python3
"""The JSON Schemas that plugin authors are given, and what the server takes, are the same.

Every declaration of the tree that the server takes is valid, and the members that the parser knows are those that the schema
has. Prints a line for each disagreement and ends with 1, else how much was looked at."""
import json
import pathlib
import re
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where declarations lie that the server takes: the plugins that ship, the template, the example, those of the tests.
PLUGINS = ["plugins", "schemas/plugin-template", "docs/example-plugin", "tests/fixtures", "tests/plugins"]
KNOWN = re.compile(r"static const char \*const (?:\w+_)?known\[\] = \{([^}]*)\}", re.S)
# Functions that read an object, and where its members stand in the schema.
READERS = [
    ("core/resource/declare/declaration.c", "declaration_parse", "resource", ["properties"]),
    ("core/resource/declare/declaration_flow.c", "parse_transition", "resource", ["$defs", "transition", "properties"]),
    ("core/resource/report/indicator_parse.c", "indicators_parse", "indicators", ["properties"]),
    ("core/resource/report/indicator_parse.c", "take_indicator", "indicators", ["$defs", "indicator", "properties"]),
    ("core/resource/report/indicator_parse.c", "take_kind", "indicators", ["$defs", "report", "properties"]),
]
wrong, looked = [], 0


def schema(name):
    made = json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(made)
    return made


def check(validator, path):
    global looked
    looked += 1
    text = path.read_text(encoding="utf-8").replace("@NAME@", "name")  # the template's
    for fault in validator.iter_errors(json.loads(text)):
        where = "/".join(str(step) for step in fault.absolute_path)
        wrong.append(f"{path.relative_to(ROOT)}: /{where}: {fault.message[:200]}")


def members(file, function):
    text = (ROOT / file).read_text(encoding="utf-8")
    body = re.search(r"^(?:static )?\w[^;{}]*\b" + function + r"\([^;{}]*\)\n\{(.*?)^\}", text, re.S | re.M)
    return set(re.findall(r'"([^"]+)"', KNOWN.search(body[1])[1]))


def main():
    schemas = {name: schema(name) for name in ("plugin-manifest", "resource", "indicators")}
    manifest, resource, indicators = (jsonschema.Draft202012Validator(s) for s in schemas.values())
    for directory in PLUGINS:
        for path in sorted((ROOT / directory).rglob("plugin.json")):
            check(manifest, path)
            for each in sorted(path.parent.glob("resources/*.json")):
                check(resource, each)
            if (path.parent / "indicators.json").exists():
                check(indicators, path.parent / "indicators.json")
    for file, function, name, way in READERS:
        stated = schemas[name]
        for step in way:
            stated = stated[step]
        for member in sorted(members(file, function) ^ set(stated)):
            wrong.append(f"{file}: {function} and schemas/{name}.schema.json do not agree on \"{member}\"")
    print("\n".join(wrong) or f"{looked} declarations, {len(READERS)} lists of members")
    sys.exit(1 if wrong or not looked else 0)


main()
