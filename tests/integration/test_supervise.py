# The quickstart's respawn loop: brings a killed server back, and leaves no process when told to stop.
import os
import signal
import subprocess

from lib import harness, server
from lib.harness import main, wait_until
from lib.server import ROOT, Server, prefix

juxin = None


def setup():
    global juxin
    juxin = Server(workers=1)
    for name in ("run", "log"):
        os.mkdir(os.path.join(juxin.directory, name))
    os.symlink(prefix(), os.path.join(juxin.directory, "install"))


def recorded_pid():
    try:
        with open(os.path.join(juxin.directory, "run", "juxind.pid"), encoding="ascii") as mark:
            return int(mark.read().split()[0])
    except (OSError, IndexError):
        return None


def supervise():
    command = [ROOT / "deploy/lib/supervise.sh", juxin.directory]
    process = harness.start_process(command, stdin=subprocess.DEVNULL, start_new_session=True,
                                    stdout=subprocess.DEVNULL)
    harness.on_exit(lambda: process.poll() is None and process.terminate() or process.wait(60))
    wait_until(juxin.ready, 30, "readiness")
    return process


def test_a_killed_server_comes_back():
    supervisor = supervise()
    first = recorded_pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: recorded_pid() not in (None, first), 20, "a new master")
    wait_until(juxin.ready, 30, "readiness after the kill")
    second = recorded_pid()
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(60) == 0
    for group in (first, second):
        wait_until(lambda: not server.group_alive(group), 20, f"end of all processes of {group}")
    assert recorded_pid() is None


def test_it_ends_when_the_watched_process_has_gone():
    watched = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    process = harness.start_process([ROOT / "deploy/lib/supervise.sh", juxin.directory, str(watched.pid)],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_until(juxin.ready, 30, "readiness")
    group = recorded_pid()
    watched.kill()
    watched.wait()
    assert process.wait(60) == 0
    wait_until(lambda: not server.group_alive(group), 20, "end of all processes")


if __name__ == "__main__":
    main()
