# Requests at the same time: many that begin together, one beside the test, or steadily until something has happened.
import collections
import threading
import time


class Once(threading.Thread):
    """Calls function() beside the test; result() waits for what came of it."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function, self.outcome, self.failed = function, None, None
        self.start()

    def run(self):
        try:
            self.outcome = self.function()
        except Exception as problem:
            self.failed = problem

    def result(self, seconds=120):
        self.join(seconds)
        assert not self.is_alive(), "no answer"
        if self.failed:
            raise self.failed
        return self.outcome


def at_once(count, function):
    """function(i) in `count` threads that begin together; the results in order."""
    ready = threading.Barrier(count)

    def begin(i):
        ready.wait(60)
        return function(i)
    return [t.result() for t in [Once(lambda i=i: begin(i)) for i in range(count)]]


Sent = collections.namedtuple("Sent", "at answer")


class Steady(threading.Thread):
    """Calls function() again and again, and keeps when each call was begun and what came of it."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function, self.sent, self.stopping, self.failed = function, [], False, None
        self.start()

    def run(self):
        try:
            while not self.stopping:
                at = time.monotonic()
                self.sent.append(Sent(at, self.function()))
        except Exception as problem:
            self.failed = problem

    def since(self, moment):
        """Answers to what was begun after the moment."""
        return [s.answer for s in list(self.sent) if s.at > moment]

    def end(self):
        self.stopping = True
        self.join(60)
        if self.failed:
            raise self.failed
        return [s.answer for s in self.sent]
