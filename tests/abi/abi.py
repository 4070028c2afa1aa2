#!/usr/bin/env python3
# The plugin interface against its baseline: members appended to a sized table pass, anything else is another interface.
#
#   tests/abi/abi.py check [INCLUDE_DIR]    compares core/include (or a copy) with the baseline of its version
#   tests/abi/abi.py baseline               writes the baseline of a raised JX_ABI_MINOR; one that exists is never changed
#                                           (of a version that is not released yet: git rm the file, and write it again)
#   tests/abi/abi.py grow OUT.h             writes the header as a later version may be: each sized table with a member more
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "core/include"
STRUCT = re.compile(r"struct (jx_\w+) \{\n(.*?)\n\};", re.S)
BASELINE = re.compile(r"juxin-plugin-(\d+)\.(\d+)\.abi")
# Their size stands in struct jx_plugin (filter_size …), not in themselves.
ELEMENTS = {"jx_filter", "jx_action", "jx_provider", "jx_route", "jx_lifecycle", "jx_job"}
SIZED = ["jx_result", "jx_event", "jx_plugin", "jx_core_api", "jx_record_api", "jx_query_api", "jx_http_api",
         "jx_subject_api", "jx_unit_api", "jx_policy_api", "jx_calendar_api", "jx_http_request", "jx_http_answer", "jx_fetch_api",
         "jx_notice", "jx_notify_api", "jx_job_step", "jx_job_input", "jx_job_api", "jx_file_api", "jx_host", *sorted(ELEMENTS)]
APPENDED = "    int32_t (*appended)(struct jx_call *call, struct jx_id id);"


class Broken(Exception):
    """What makes a header another interface."""


def run(*command, accept=(0,)):
    done = subprocess.run([str(c) for c in command], cwd=HERE, capture_output=True, text=True)
    if done.returncode not in accept:
        raise Broken(f"{command[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def version(include):
    text = (include / "juxin/plugin.h").read_text(encoding="utf-8")
    return tuple(int(re.search(rf"#define JX_ABI_{part} (\d+)u", text)[1]) for part in ("MAJOR", "MINOR"))


def append(text, struct, member=APPENDED):
    """The header's text with a member more at the end of the struct."""
    body = next(m for m in STRUCT.finditer(text) if m[1] == struct)
    return text[:body.end(2)] + "\n" + member + text[body.end(2):]


def grown(text):
    for struct in SIZED:
        text = append(text, struct)
    return text


def baselines():
    """((major, minor), path) of each, in order."""
    return sorted((tuple(map(int, BASELINE.fullmatch(p.name).groups())), p) for p in HERE.glob("juxin-plugin-*.abi"))


def extract(include, out):
    """abidw's account of the header: no line numbers, no paths, so that it says the same wherever it is made."""
    with tempfile.TemporaryDirectory() as scratch:
        object_file = pathlib.Path(scratch) / "surface.so"
        run("gcc", "-std=c11", "-w", "-g", "-gdwarf-4", "-fPIC", "-shared", "-I", include, "-o", object_file, "surface.c")
        run("abidw", "--no-comp-dir-path", "--no-corpus-path", "--no-elf-needed", "--no-show-locs", "--no-architecture",
            object_file, "--out-file", out)


def structs(tree):
    return {e.get("name"): e for e in tree.iter("class-decl") if e.get("size-in-bits")}


def is_sized(name, element):
    first = element.find("data-member/var-decl")
    return name in ELEMENTS or (first is not None and first.get("name") == "size")


def cut_appended(baseline, current, constants=False):
    """Takes out of `current` what stands behind the end of a sized table of the baseline, and with `constants` the
    enumerators and constants the baseline does not have; returns what that was."""
    old, tree = ElementTree.parse(baseline), ElementTree.parse(current)
    appended = cut_members(structs(old), structs(tree))
    if constants:
        appended += cut_constants(old, tree)
    tree.write(current)
    return appended


def cut_members(old, new):
    appended = []
    for name, element in new.items():
        if name not in old or not is_sized(name, old[name]):
            continue
        end = int(old[name].get("size-in-bits"))
        for member in element.findall("data-member"):
            if int(member.get("layout-offset-in-bits")) >= end:
                appended.append(f"{name}.{member.find('var-decl').get('name')}")
                element.remove(member)
        if int(element.get("size-in-bits")) > end:
            element.set("size-in-bits", str(end))
    return appended


def cut_constants(old, new):
    names = {e.get("name") for kind in ("enumerator", "var-decl", "elf-symbol") for e in old.iter(kind)}
    appended = []
    for parent in list(new.iter()):
        for child in list(parent):
            added = child.get("name") not in names
            is_variable = child.tag in ("var-decl", "elf-symbol") and (child.get("name") or "").startswith("jx_")
            if added and (child.tag == "enumerator" or is_variable and parent.tag != "data-member"):
                parent.remove(child)
                appended.append(child.get("name"))
    return appended


def compare(baseline, current):
    """abidiff with nothing suppressed or left out: it has to have nothing to say."""
    said = run("abidiff", "--no-default-suppression", "--harmless", baseline, current, accept=range(32))
    if said.returncode or said.stdout.strip():
        raise Broken(f"not the interface of {baseline.name} with members appended:\n{said.stdout}")


def check(include=INCLUDE):
    """The members appended since the header's own version was set down; Broken where anything else differs."""
    major, minor = version(include)
    baseline = HERE / f"juxin-plugin-{major}.{minor}.abi"
    if not baseline.exists():
        raise Broken(f"there is no {baseline.name}: tests/abi/abi.py baseline writes it")
    with tempfile.TemporaryDirectory() as scratch:
        current = pathlib.Path(scratch) / "current.abi"
        extract(include, current)
        appended = cut_appended(baseline, current)
        compare(baseline, current)
    return appended


def check_succession(before, after):
    """A later minor version is an earlier one with members, enumerators and constants added; Broken where it is not."""
    with tempfile.TemporaryDirectory() as scratch:
        later = pathlib.Path(scratch) / after.name
        shutil.copy(after, later)
        added = cut_appended(before, later, constants=True)
        compare(before, later)
    return added


def write_baseline():
    target = HERE / "juxin-plugin-{}.{}.abi".format(*version(INCLUDE))
    if target.exists():
        raise Broken(f"{target.name} is there and stays as it is: raise JX_ABI_MINOR for what is new")
    extract(INCLUDE, target)
    print(f"{target}: written")


def main():
    try:
        if sys.argv[1:2] == ["check"]:
            for member in check(*(pathlib.Path(a).resolve() for a in sys.argv[2:])):
                print(f"appended: {member}")
        elif sys.argv[1:] == ["baseline"]:
            write_baseline()
        elif sys.argv[1:2] == ["grow"] and len(sys.argv) == 3:
            text = (INCLUDE / "juxin/plugin.h").read_text(encoding="utf-8")
            pathlib.Path(sys.argv[2]).write_text(grown(text), encoding="utf-8")
        else:
            raise SystemExit("usage: abi.py check [INCLUDE_DIR] | abi.py baseline | abi.py grow OUT.h")
    except Broken as what:
        raise SystemExit(str(what))


if __name__ == "__main__":
    main()
