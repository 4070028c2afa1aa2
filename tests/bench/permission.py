# Permission checks and the tree they work on, in memory: tests/bench/permission.c.
import json
import subprocess

import world


def measure(size):
    done = subprocess.run([world.programs() / "permission", str(size.units), str(size.checks)], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done
    seen = json.loads(done.stdout)
    return {
        "check_throughput": (seen["check_ns"], ""),
        "check_dependent": (seen["dependent_ns"], ""),
        "check_memory": (seen["check_bytes"], f"with ids, codes and names {seen['tree_bytes']:.0f} B"),
        "tree_rebuild": (seen["build_ms"], f"on fresh memory {seen['first_build_ms']:.0f} ms"),
    }
