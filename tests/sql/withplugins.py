# A database with the tables of the plugin that is installed and of one with a field of every type.
import pathlib
import shutil

from lib import harness
from lib.server import ROOT, Server, prefix


def server(**more):
    directory = pathlib.Path(harness.scratch()) / "plugins"
    directory.mkdir()
    installed, = pathlib.Path(prefix()).glob("lib/**/juxin/plugins/suggestions")
    shutil.copytree(installed, directory / "suggestions")
    shutil.copytree(ROOT / "tests/fixtures/plugins/works", directory / "works")
    shutil.copytree(ROOT / "tests/plugins/register", directory / "register")
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Server(workers=1, config={"plugins": {"directory": str(directory)}}, **more)
