# Plugins of tests/plugins in a directory of a test's own, their C compiled against the installed header.
import os
import pathlib
import shutil
import subprocess

from .server import ROOT, prefix


def install(directory, *names):
    """The directory, with these plugins in it; readable by whoever the server runs as."""
    directory = pathlib.Path(directory)
    directory.mkdir(exist_ok=True)
    for name in names:
        target = directory / name
        shutil.copytree(ROOT / "tests/plugins" / name, target)
        if (target / f"{name}.c").exists():
            subprocess.run(["cc", "-std=c11", "-g", "-fPIC", "-shared", "-fvisibility=hidden",
                            "-I" + prefix() + "/include", "-o", target / f"{name}.so", target / f"{name}.c"], check=True)
    for path in [directory, *directory.rglob("*")]:
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
    return directory
