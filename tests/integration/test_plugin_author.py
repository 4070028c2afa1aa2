#!/usr/bin/env python3
# A stranger's way: what `meson install` leaves is enough to make, build, check, trust and install a plugin.
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, scratch, skip
from lib.server import prefix

work = pathlib.Path(scratch())
environment = None
plugin = work / "noticeboard"


def setup():
    """The .pc file of a staged installation speaks of the final prefix; a copy speaks of the staged one."""
    global environment
    found = next(pathlib.Path(prefix()).rglob("juxin-plugin.pc"))
    own = work / "pkgconfig"
    own.mkdir()
    (own / "juxin-plugin.pc").write_text(re.sub(r"^prefix=.*$", "prefix=" + prefix(), found.read_text(), flags=re.M))
    environment = dict(os.environ, PKG_CONFIG_PATH=str(own), JUXINCTL=prefix() + "/bin/juxinctl")


def run(*command, cwd=None, check=True):
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    if check and done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def ctl(*arguments, **more):
    return run(prefix() + "/bin/juxinctl", *arguments, **more)


def sanitized():
    return b"__asan_init" in (pathlib.Path(prefix()) / "bin/juxinctl").read_bytes()


def test_new_builds_and_loads_untouched():
    ctl("plugin", "new", "noticeboard", work)
    assert not [p for p in plugin.rglob("*") if "@" in p.name or (p.is_file() and "@NAME@" in p.read_text())]
    run("make", cwd=plugin)
    said = run("make", "check", cwd=plugin).stdout
    assert "noticeboard: ok" in said and "no faults" in said, said


def test_the_installed_example_builds_out_of_tree():
    copy = work / "hello"
    shutil.copytree(pathlib.Path(prefix()) / "share/juxin/examples/hello", copy)
    run("make", cwd=copy)
    assert "no faults" in ctl("plugin", "check", copy).stdout


def test_new_refuses_what_cannot_be():
    assert ctl("plugin", "new", "noticeboard", work, check=False).returncode == 4
    for name in ("Bad", "x", "core", "a-b", "../up", "units"):
        done = ctl("plugin", "new", name, work, check=False)
        assert done.returncode == 2 and "2 to 40 characters" in done.stderr, (name, done)


def test_meson_builds_it_too():
    if not shutil.which("meson"):
        skip("no meson")
    run("meson", "setup", "build", cwd=plugin)
    run("meson", "compile", "-C", "build", cwd=plugin)
    run("meson", "test", "-C", "build", cwd=plugin)
    assert (plugin / "build/noticeboard.so").exists()
    shutil.rmtree(plugin / "build")


def test_make_install_puts_it_where_the_server_looks():
    target = work / "stage"
    run("make", "install", f"DESTDIR={target}", cwd=plugin)
    files = {str(p.relative_to(target)).split("plugins/")[1] for p in target.rglob("*") if p.is_file()}
    assert files == {"noticeboard/" + f for f in ("plugin.json", "queries.sql", "noticeboard.so", "resources/note.json",
                                                   "locales/zh-CN.json", "locales/en.json")}, files


def findings(directory):
    done = ctl("plugin", "check", directory, "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def broken(name, file, old, new):
    """A copy of the plugin with one thing changed."""
    copy = work / "broken" / name / "noticeboard"
    shutil.copytree(plugin, copy)
    text = (copy / file).read_text()
    assert old in text, old
    (copy / file).write_text(text.replace(old, new, 1))
    line = text[:text.index(old)].count("\n") + 1
    return copy, line


def test_check_says_where_and_what_instead():
    cases = [
        ("key", "plugin.json", '"levels"', '"levles"', "unknown member", "levels", 0),
        ("level", "plugin.json", '"community"]', '"comunity"]', "expected county", "community", 0),
        ("json", "plugin.json", '"default": "off",', '"default": "off"', "not well-formed", None, 1),
        ("field", "resources/note.json", '"type": "longtext"', '"type": "longtxt"', "", "longtext", 0),
        ("sql", "queries.sql", "tenant_id = $1 AND ", "", "tenant_id = $1", None, None),
        ("other table", "queries.sql", "px_noticeboard.note", "juxin.account", "px_noticeboard.NAME", None, 0),
        ("param", "queries.sql", "-- params: uuid", "-- params: uid", "unknown parameter type", "uuid", 0),
    ]
    for name, file, old, new, message, suggestion, offset in cases:
        directory, line = broken(name, file, old, new)
        code, found = findings(directory)
        assert code == 4 and found, (name, found)
        first = found[0]
        assert first["file"].endswith(file) and message in first["message"], (name, found)
        assert suggestion is None or first["suggestion"] == suggestion, (name, found)
        assert offset is None or first["line"] == line + offset, (name, line, found)


def test_check_looks_into_the_object():
    directory, _ = broken("sleep", "noticeboard.c", "static void short_title(",
                          "unsigned sleep(unsigned s);\nvoid nap(void);\nvoid nap(void) { sleep(1); }\nstatic void short_title(")
    source = (directory / "noticeboard.c").read_text()
    (directory / "noticeboard.c").write_text(source.replace("    jx_ok(result);", "    nap();\n    jx_ok(result);", 1))
    run("make", "-B", cwd=directory)
    code, found = findings(directory)
    assert code == 4 and "plugins may not use: sleep" in found[0]["message"], found
    directory, _ = broken("major", "noticeboard.c", "#include <juxin/plugin.h>",
                          "#include <juxin/plugin.h>\n#undef JX_ABI_MAJOR\n#define JX_ABI_MAJOR 9u")
    run("make", "-B", cwd=directory)
    code, found = findings(directory)
    assert code == 4 and "found 9.0, expected 1.x" in found[0]["message"], found
    directory, _ = broken("crash", "noticeboard.c", "    host = h;", "    host = h; __builtin_trap();")
    run("make", "-B", cwd=directory)
    code, found = findings(directory)
    assert code == 4 and ("died of signal" in found[0]["message"] or sanitized()), found


def test_trust_and_list():
    plugins = work / "plugins"
    shutil.copytree(plugin, plugins / "noticeboard")
    config = work / "juxin.json"
    config.write_text(json.dumps({
        "state_dir": str(work), "listen": [{"address": "127.0.0.1", "port": 1, "tls": False}],
        "plugins": {"directory": str(plugins), "trust": str(work / "trust.json")}}))
    config.chmod(0o600)

    def state():
        rows = json.loads(ctl("--config", config, "plugin", "list", "--json").stdout)
        return {row["id"]: row["state"] for row in rows}

    assert state() == {"noticeboard": "untrusted"}
    said = json.loads(ctl("--config", config, "plugin", "trust", plugins / "noticeboard/noticeboard.so", "--json").stdout)
    assert said[0]["plugin"] == "noticeboard" and len(said[0]["sha256"]) == 64, said
    assert state() == {"noticeboard": "installed"}
    hooks = json.loads(ctl("--config", config, "plugin", "hooks", "validate", "--json").stdout)
    assert [(h["plugin"], h["hook"], h["fails"]) for h in hooks] == [("noticeboard", "short_title", "closed")], hooks
    with open(plugins / "noticeboard/noticeboard.so", "ab") as file:
        file.write(b"x")
    assert state() == {"noticeboard": "untrusted"}
    refused = ctl("--config", config, "plugin", "trust", config, check=False)
    assert refused.returncode == 4 and "not an ELF file" in refused.stderr, refused


if __name__ == "__main__":
    main()
