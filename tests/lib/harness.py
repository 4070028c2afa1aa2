# Runs the test_* functions of a file in order and ends with one line: N passed, N failed, N skipped.
#
#   from lib.harness import main, skip
#   from lib.server import Server
#   def setup(): ...            optional, once; what it starts is stopped at the end (see on_exit)
#   def test_name(): assert ...
#   if __name__ == "__main__":
#       main()
#
# `FILE.py NAME...` runs only the named functions.
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

_cleanups = []
_scratch = None


class Skipped(Exception):
    pass


def skip(reason):
    raise Skipped(reason)


def on_exit(function):
    """Called at the end of the file, last registered first; an exception there fails the file."""
    _cleanups.append(function)


def scratch():
    """A directory of this file's own that every user of the machine can enter; removed at the end."""
    global _scratch
    if _scratch is None:
        _scratch = tempfile.mkdtemp(prefix="f.", dir=os.environ.get("JUXIN_TEST_DIR"))
        os.chmod(_scratch, 0o755)
    return _scratch


def wait_until(condition, seconds=20, what="condition"):
    """Polls until the condition is true and returns its value; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


def start_process(command, **options):
    """Popen whose process gets SIGTERM when the test dies, so that nothing is left behind."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen(command, preexec_fn=lambda: libc.prctl(1, signal.SIGTERM), **options)


def _run_one(name, function, counts):
    began = time.monotonic()
    try:
        function()
        kind, note = "passed", ""
    except Skipped as reason:
        kind, note = "skipped", f": {reason}"
    except Exception:
        kind, note = "failed", "\n" + traceback.format_exc()
    counts[kind] += 1
    label = {"passed": "ok", "skipped": "skip", "failed": "FAIL"}[kind]
    print(f"  {label:4} {name} {time.monotonic() - began:.2f} s{note}", flush=True)


def _clean_up(counts):
    while _cleanups:
        try:
            _cleanups.pop()()
        except Exception:
            counts["failed"] += 1
            print("  FAIL at the end of the file\n" + traceback.format_exc(), flush=True)
    if _scratch and not os.environ.get("JUXIN_TEST_KEEP"):
        shutil.rmtree(_scratch, ignore_errors=True)


def _stop(signum, frame):
    raise KeyboardInterrupt


def main():
    module = sys.modules["__main__"]
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    unknown = [n for n in wanted if n not in dict(tests)]
    if unknown or not tests:
        raise SystemExit(f"no such test: {unknown}" if unknown else "this file has no test")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    signal.signal(signal.SIGTERM, _stop)
    try:
        if hasattr(module, "setup"):
            _run_setup(module.setup, counts, len(tests))
        if not sum(counts.values()):
            for name, function in tests:
                if not wanted or name in wanted:
                    _run_one(name, function, counts)
    finally:
        _clean_up(counts)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(1 if counts["failed"] else 0)


def _run_setup(setup, counts, tests):
    try:
        setup()
    except Skipped as reason:
        counts["skipped"] += tests
        print(f"  skip whole file: {reason}", flush=True)
    except Exception:
        counts["failed"] += 1
        print("  FAIL setup\n" + traceback.format_exc(), flush=True)
