#!/usr/bin/env python3
# The comparison with the baseline, proved on copies of the header: appending to a sized table passes, all else fails.
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import abi
from abi import APPENDED, SIZED, STRUCT, append
from lib.harness import main, scratch

HEADER = (abi.INCLUDE / "juxin/plugin.h").read_text(encoding="utf-8")
FROZEN = ["jx_text", "jx_id", "jx_note"]
BESIDE = APPENDED.replace("appended", "beside")

# One change each that makes another interface: what is looked for in the header, and what stands there instead.
CHANGES = {
    "a member removed from the middle": ("    int64_t (*now)(struct jx_call *call);\n", ""),
    "the last member removed":
        ("    struct jx_text (*setting)(struct jx_call *call, jx_unit unit, const char *key);\n", ""),
    "two members of one type reordered":
        ("    uint32_t phase; /* enum jx_phase */\n    uint32_t flags; /* enum jx_flags */",
         "    uint32_t flags; /* enum jx_flags */\n    uint32_t phase; /* enum jx_phase */"),
    "a member inserted first": ("struct jx_core_api {\n", f"struct jx_core_api {{\n{APPENDED}\n"),
    "a member inserted behind the size":
        ("struct jx_unit_api {\n    uint64_t size;\n", f"struct jx_unit_api {{\n    uint64_t size;\n{APPENDED}\n"),
    "a member inserted in the middle":
        ("    jx_unit (*find)(struct jx_call *call, struct jx_text id_or_code);", APPENDED + "\n"
         "    jx_unit (*find)(struct jx_call *call, struct jx_text id_or_code);"),
    "a member renamed": ("(*hide)(", "(*conceal)("),
    "a function with another result":
        ("    void (*hide)(struct jx_record *rec", "    int32_t (*hide)(struct jx_record *rec"),
    "a function with another parameter":
        ("uint32_t limit, struct jx_record ***ret", "uint64_t limit, struct jx_record ***ret"),
    "a function with a parameter more":
        ("(*is_on)(struct jx_call *call, const char *plugin, jx_unit unit)",
         "(*is_on)(struct jx_call *call, const char *plugin, jx_unit unit, bool deeply)"),
    "a function with a parameter less":
        ("(*in_department)(struct jx_call *call, struct jx_id department, bool as_head)",
         "(*in_department)(struct jx_call *call, struct jx_id department)"),
    "a parameter that is const no more": ("(*id)(const struct jx_record *rec)", "(*id)(struct jx_record *rec)"),
    "a filter with another signature":
        ("struct jx_record *const *records, uint32_t count, struct jx_result *result);",
         "struct jx_record *const *records, uint64_t count, struct jx_result *result);"),
    "a size of another width": ("struct jx_query_api {\n    uint64_t size;", "struct jx_query_api {\n    uint32_t size;"),
    "a table of the host's in another place":
        ("    const struct jx_unit_api *unit;\n    const struct jx_policy_api *policy;",
         "    const struct jx_policy_api *policy;\n    const struct jx_unit_api *unit;"),
    "a member of another type": ("    jx_unit unit;           /* that handles it",
                                               "    uint64_t unit; /* that handles it"),
    "a value of an enumeration changed": ("JX_VETO = 2", "JX_VETO = 4"),
    "an enumerator inserted": ("enum jx_as {\n", "enum jx_as {\n    JX_AS_NOBODY = 7,\n"),
    "an enumerator appended": ("JX_DELETE = 5 }", "JX_DELETE = 5, JX_HEAD = 6 }"),
    "an enumerator removed": ("    JX_REPORT = 5,\n", ""),
    "an implicit value moved": ("JX_COUNTY, JX_STREET", "JX_STREET, JX_COUNTY"),
    "an error with another number": ("JX_ESTALE = -116", "JX_ESTALE = -115"),
    "no unit with another value": ("#define JX_UNIT_NONE UINT32_MAX", "#define JX_UNIT_NONE (UINT32_MAX - 1)"),
    "the note with a longer name": ("    char name[64];  ", "    char name[96];  "),
    "the note in another order": ("    uint16_t abi_major, abi_minor; /* minor: the", "    uint16_t abi_minor, abi_major; /* minor: the"),
    "the note of another type": ("#define JX_NOTE_TYPE 1u", "#define JX_NOTE_TYPE 2u"),
    "a signed version in the note": ("    uint16_t abi_major, abi_minor; /* minor: the", "    int16_t abi_major, abi_minor; /* minor: the"),
    "text with 32 bits of length": ("    uint64_t len;    /* bytes */", "    uint32_t len;    /* bytes */"),
    "a longer id": ("    uint8_t b[16];", "    uint8_t b[20];"),
}


def replace(text, old, new):
    assert text.count(old) == 1, f"found {text.count(old)} times in the header: {old}"
    return text.replace(old, new)


def header(text):
    """An include directory with this plugin.h, of which the note's size still has to be right to compile."""
    directory = pathlib.Path(scratch()) / "include"
    (directory / "juxin").mkdir(parents=True, exist_ok=True)
    (directory / "juxin/plugin.h").write_text(text, encoding="utf-8")
    return directory


def loose(text):
    """Without the header's own assertion about the note: it must not be the only guard."""
    return re.sub(r"JX_STATIC_ASSERT\(sizeof\(struct jx_note\).*?\); *\\\n", "\\\\\n", text, flags=re.S)


def refused(text):
    try:
        abi.check(header(text))
    except abi.Broken as what:
        assert "not the interface of juxin-plugin-" in str(what), what  # by the comparison, not by the compiler
        return True
    return False


def test_the_header_is_the_interface_of_its_version():
    print("   appended since the baseline:", abi.check() or "nothing")


def test_the_surface_has_all_of_the_header():
    baseline = (abi.HERE / "juxin-plugin-{}.{}.abi".format(*abi.version(abi.INCLUDE))).read_text(encoding="utf-8")
    structs = {m[1] for m in STRUCT.finditer(HEADER)}
    assert set(SIZED) | set(FROZEN) <= structs, set(SIZED) | set(FROZEN) - structs
    for name in structs:
        assert f"<class-decl name='{name}' size-in-bits=" in baseline, f"struct {name}: nothing in surface.c leads to it"
    named = set()
    for name, body in re.findall(r"enum (jx_\w+) \{(.*?)\}", HEADER, re.S):
        assert f"<enum-decl name='{name}'" in baseline, f"enum {name}: it needs a variable in surface.c"
        named |= set(re.findall(r"\bJX_\w+", body))
    surface = (abi.HERE / "surface.c").read_text(encoding="utf-8")
    anonymous = "".join(re.findall(r"(?m)^enum \{(.*?)^\}", HEADER, re.S | re.M))
    constants = set(re.findall(r"(?m)^\s*(JX_\w+)", anonymous)) | \
        set(re.findall(r"(?m)^#define (JX_\w+) [\dU(]", HEADER)) - {"JX_ABI_MINOR"}
    for name in constants:
        assert f"CONSTANT({name}," in surface, f"{name}: it needs a CONSTANT in surface.c"
    assert len(named) > 40 and len(constants) > 14, (named, constants)


def test_appending_to_a_sized_table_passes():
    for struct in SIZED:
        assert abi.check(header(append(HEADER, struct))) == [struct + ".appended"], struct
    table = HEADER.replace("struct jx_host {", "struct jx_more_api {\n    uint64_t size;\n" + APPENDED + "\n};\n\nstruct jx_host {")
    assert abi.check(header(append(table, "jx_host", "    const struct jx_more_api *more;"))) == ["jx_host.more"]
    assert len(abi.check(header(abi.grown(HEADER)))) == len(SIZED)


def test_what_is_no_interface_may_change():
    text = replace(HEADER, "/* ---- values ", "#define JX_SHORTHAND(x) (x)\n\n/* ---- values, reworded ")
    assert abi.check(header(text)) == []


def test_anything_else_fails():
    let_through = []
    for name, (old, new) in CHANGES.items():
        # Alone, and hidden behind a member that may be appended.
        changed = loose(replace(HEADER, old, new))
        for text in (changed, append(append(changed, "jx_core_api", BESIDE), "jx_filter", BESIDE)):
            if not refused(text):
                let_through.append(name)
    assert not let_through, let_through
    print(f"   {len(CHANGES)} changes, each alone and beside permitted ones: all refused")


def test_what_is_passed_by_value_is_frozen():
    for struct in FROZEN:
        assert refused(loose(append(HEADER, struct, "    uint32_t appended;"))), struct


def test_a_version_without_baseline_fails():
    for old, new in (("JX_ABI_MINOR 1u", "JX_ABI_MINOR 99u"), ("JX_ABI_MAJOR 1u", "JX_ABI_MAJOR 99u")):
        try:
            abi.check(header(replace(HEADER, "#define " + old, "#define " + new)))
        except abi.Broken as what:
            assert "there is no juxin-plugin-" in str(what), what
        else:
            raise AssertionError(f"{new} passes without a baseline")


def later_baseline(text):
    out = pathlib.Path(scratch()) / "later.abi"
    abi.extract(header(text), out)
    return out


def test_a_later_minor_version_only_adds():
    known = [path for version, path in abi.baselines()]
    for before, after in zip(known, known[1:]):
        if before.name.rpartition(".")[0].split(".")[0] == after.name.rpartition(".")[0].split(".")[0]:
            abi.check_succession(before, after)
    newest = known[-1]
    more = append(replace(HEADER, "JX_DELETE = 5 }", "JX_DELETE = 5, JX_HEAD = 6 }"), "jx_core_api")
    assert sorted(abi.check_succession(newest, later_baseline(more))) == ["JX_HEAD", "jx_core_api.appended"]
    for name in ("a value of an enumeration changed", "an enumerator removed", "an error with another number",
                 "a member removed from the middle", "a function with another parameter"):
        try:
            abi.check_succession(newest, later_baseline(append(replace(HEADER, *CHANGES[name]), "jx_http_api")))
        except abi.Broken:
            continue
        raise AssertionError(f"a later baseline may have {name}")


def test_a_baseline_is_never_written_over():
    kept = abi.HERE / "juxin-plugin-{}.{}.abi".format(*abi.version(abi.INCLUDE))
    before = kept.read_bytes()
    try:
        abi.write_baseline()
    except abi.Broken as what:
        assert "raise JX_ABI_MINOR" in str(what), what
    else:
        raise AssertionError("it was written")
    assert kept.read_bytes() == before


if __name__ == "__main__":
    assert shutil.which("abidw") and shutil.which("abidiff"), "abigail-tools is not installed"
    main()
