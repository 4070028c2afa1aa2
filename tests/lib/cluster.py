# A PostgreSQL cluster of a test's own that may be killed, frozen and filled up; durable, unlike the run's shared one.
import os
import signal
import subprocess

from . import harness, postgres

_number = 0


class Cluster:
    def __init__(self, directory=None, settings=(), wal=None):
        """settings: lines of postgresql.conf; wal: where its write-ahead log is to stand apart from the rest."""
        global _number
        _number += 1
        self.directory = directory or os.path.join(harness.scratch(), f"pg{_number}")
        self.log_file = os.path.join(harness.scratch(), f"pg{_number}.log")
        postgres.shell('ensure_user juxin; pg_init "$1" "$(is_root && echo juxin)"', self.directory)
        data = os.path.join(self.directory, "data")
        if wal:
            subprocess.run(["mv", data + "/pg_wal", wal + "/pg_wal"], check=True)
            os.symlink(wal + "/pg_wal", data + "/pg_wal")
        with open(os.path.join(data, "pg_hba.conf"), "w", encoding="utf-8") as out:
            out.write("local all all trust\n")
        with open(os.path.join(data, "postgresql.conf"), "a", encoding="utf-8") as out:
            # Processes are killed here, not the machine: what the kernel has is safe.
            out.write("fsync = off\nsynchronous_commit = on\nfull_page_writes = on\n" + "\n".join(settings) + "\n")
        harness.on_exit(self.destroy)
        self.start()

    def start(self):
        postgres.shell('pg_start "$1" "$2"', self.directory, self.log_file)

    def recover(self):
        """Starts it if it has ended, or waits until it has started itself again."""
        pids = self.pids()
        harness.wait_until(lambda: self.is_up() or not any(os.path.exists(f"/proc/{pid}") for pid in pids), 60,
                           "PostgreSQL to be up or gone")
        self.start()

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def stop(self, mode="fast"):
        self._control("stop", "-w", "-t", "60", "-m", mode)

    def _control(self, *arguments):
        postgres.shell('dir=$1; shift; run_as "$(pg_user)" env -C / "$(pg_bin)/pg_ctl" -D "$dir/data" "$@" >/dev/null',
                       self.directory, *arguments)

    def conninfo(self, database="postgres"):
        return postgres.shell('pg_conninfo "$1" "$2"', self.directory, database)

    def psql(self, sql, database="postgres", **more):
        return postgres.psql(sql, connection=self.conninfo(database), **more)

    def pids(self):
        """The postmaster's, then its children's; [] when it does not run."""
        try:
            with open(os.path.join(self.directory, "data", "postmaster.pid"), encoding="ascii") as text:
                postmaster = int(text.readline())
        except (OSError, ValueError):
            return []
        return [postmaster] + [pid for pid, parent in processes() if parent == postmaster]

    def backend(self, database):
        """Pid of some backend that serves the database."""
        return int(self.psql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname ="
                             f" '{database}' ORDER BY pid LIMIT 1")[0][0])

    def signal(self, signo):
        """To every process of the cluster. The postmaster first, so that it starts no others meanwhile."""
        for pid in self.pids():
            try:
                os.kill(pid, signo)
            except ProcessLookupError:
                pass

    def kill(self):
        """As when the machine dies: nobody says goodbye."""
        pids = self.pids()
        self.signal(signal.SIGKILL)
        # A zombie still looks alive to pg_ctl.
        harness.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20, "end of PostgreSQL")

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def is_up(self):
        return subprocess.run(["psql", "-XAtqc", "SELECT 1", "-d", self.conninfo()], capture_output=True).returncode == 0

    def destroy(self):
        self.thaw()
        postgres.shell('pg_stop "$1"', self.directory)


def processes():
    """(pid, parent's pid) of all that run."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    yield int(entry), int(stat.read().rpartition(") ")[2].split()[1])
            except OSError:
                pass
