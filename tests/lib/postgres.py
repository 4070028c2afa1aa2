# A private PostgreSQL cluster for tests. tests/run starts one and names it in JUXIN_TEST_PG (its directory); a test file
# run by hand starts its own. Every caller gets fresh databases in it.
import os
import pathlib
import subprocess

from . import harness

LIB = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "lib"
_directory = None


def shell(script, *arguments, check=True):
    """Runs a line of bash with the deployment's shell functions at hand."""
    prelude = f'set -euo pipefail; . "{LIB}/common.sh"; . "{LIB}/postgres.sh"; '
    done = subprocess.run(["bash", "-c", prelude + script, "bash", *map(str, arguments)],
                          capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{script}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def cluster():
    """The directory of the running cluster."""
    global _directory
    if _directory is None:
        _directory = os.environ.get("JUXIN_TEST_PG")
    if _directory is None:
        _directory = os.path.join(harness.scratch(), "pg")
        shell('ensure_user juxin; pg_test_cluster "$1"', _directory)
        harness.on_exit(lambda: shell('pg_stop "$1"', _directory))
    return _directory


def conninfo(database="postgres"):
    """Connection string of the cluster's superuser."""
    return shell('pg_conninfo "$1" "$2"', cluster(), database)


def psql(sql, database="postgres", connection=None, check=True):
    """Rows as lists of strings; SQL NULL is ''."""
    done = subprocess.run(["psql", "-XAtq", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-d",
                           connection or conninfo(database)], input=sql, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"psql: {done.stderr}")
    return [line.split("\x1f") for line in done.stdout.splitlines()]
