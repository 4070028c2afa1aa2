# A private PostgreSQL cluster for tests. tests/run starts one and hands over its superuser's connection string in
# JUXIN_TEST_PG; a test file run by hand starts its own. Every caller makes fresh databases in it.
import os
import pathlib
import subprocess

from . import harness

LIB = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "lib"
_superuser = None


def shell(script, *arguments, check=True):
    """Runs a line of bash with the deployment's shell functions at hand."""
    prelude = f'set -euo pipefail; . "{LIB}/common.sh"; . "{LIB}/postgres.sh"; '
    done = subprocess.run(["bash", "-c", prelude + script, "bash", *map(str, arguments)],
                          capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{script}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def conninfo(database="postgres"):
    """Connection string of the cluster's superuser."""
    global _superuser
    if _superuser is None:
        _superuser = os.environ.get("JUXIN_TEST_PG")
    if _superuser is None:
        directory = os.path.join(harness.scratch(), "pg")
        shell('ensure_user juxin; pg_test_cluster "$1"', directory)
        harness.on_exit(lambda: shell('pg_stop "$1"', directory))
        _superuser = shell('pg_conninfo "$1"', directory)
    return f"{_superuser} dbname={database}"


def psql(sql, database="postgres", connection=None, check=True):
    """Rows as lists of strings; SQL NULL is ''."""
    done = subprocess.run(["psql", "-XAtq", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-d",
                           connection or conninfo(database)], input=sql, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"psql: {done.stderr}")
    return [line.split("\x1f") for line in done.stdout.splitlines()]


class Session:
    """A superuser's session held open beside the test: a transaction that waits, a lock that is kept."""

    def __init__(self, database):
        self.process = harness.start_process(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo(database)], text=True,
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        harness.on_exit(self.close)

    def run(self, sql):
        """Returns when the statements are done, with what they said."""
        self.process.stdin.write(sql.rstrip("; \n") + ";\n\\echo done.\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line == "done.\n":
                return said
            said.append(line.rstrip("\n"))
        raise AssertionError(f"psql ended: {said}")

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
