#!/usr/bin/env python3
# What tests/soak/run runs.
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lib.harness import main
from lib.soak import Soak, lines

MINUTES = float(os.environ.get("JUXIN_SOAK_MINUTES", "10"))
_told = 0


def progress(soak, seconds):
    """A line a minute."""
    global _told
    if seconds >= 60 * (_told + 1):
        _told += 1
        last = "; ".join(f"{s[-1][2]} KiB, {s[-1][3]} descriptors" for s in soak.samples.values())
        print(f"       {_told} min: {sum(r.served for r in soak.readers)} requests; {last}", flush=True)


def test_soak():
    result = Soak(60 * MINUTES).run(progress)
    for line in lines(result):
        print("       " + line)
    assert not result["wrong"], result["wrong"][:5]


if __name__ == "__main__":
    main()
