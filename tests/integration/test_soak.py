#!/usr/bin/env python3
# alone: it measures
# A short while of the load that tests/soak/run keeps up for as long as you like: every answer right, no descriptor left open,
# memory that stays where it is.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main
from lib.soak import Soak, lines

SECONDS = 25
BYTES_PER_REQUEST = 150  # after the warm-up; a thing leaked at each request is larger than it seems


def test_a_short_while():
    result = Soak(SECONDS, sign_ins=False).run()
    for line in lines(result):
        print("       " + line)
    assert not result["wrong"], result["wrong"][:5]
    assert result["served"] > 1000, result
    if os.environ.get("JUXIN_TEST_SANITIZED"):
        print("       memory is not looked at: a sanitizer keeps what is freed")
        return
    for worker in result["workers"]:
        assert worker["bytes_per_request"] < BYTES_PER_REQUEST, worker


if __name__ == "__main__":
    main()
