"""The console in a real browser against the real server: starts the demonstration with the built console, then walk.mjs."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lib import harness  # noqa: E402
from lib.demo import Demo  # noqa: E402
from lib.server import ROOT  # noqa: E402


def main():
    try:
        # A copy: the clone may be where the workers' user cannot read.
        assets = os.path.join(harness.scratch(), "console")
        shutil.copytree(ROOT / "admin/dist", assets)
        demo = Demo(config={"assets": assets}).start()
        logins = {login: password for (district, login), password in demo.logins.items() if district == "shangcheng"}
        environment = dict(os.environ, BASE=f"https://127.0.0.1:{demo.port}", LOGINS=json.dumps(logins))
        status = subprocess.run(["node", HERE / "walk.mjs"], env=environment, timeout=550).returncode
        demo.stop()
    finally:
        harness._clean_up({"failed": 0})
    sys.exit(status)


if __name__ == "__main__":
    main()
