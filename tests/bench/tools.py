# Running what is measured: wrk, pgbench, processor time; rounds that alternate, and their medians.
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile

from lib import harness

SCRIPT = """
local requests, at = {}, 0
REQUESTS
request = function() at = PICK; return requests[at] end
done = function(summary, latency)
   io.write(string.format('{"requests": %d, "us": %d, "bad": %d, "mean": %f, "p50": %f, "p99": %f}\\n',
      summary.requests, summary.duration, summary.errors.status + summary.errors.connect + summary.errors.read +
      summary.errors.write + summary.errors.timeout, latency.mean, latency:percentile(50), latency:percentile(99)))
end
"""
PICKS = {"turn": "at % #requests + 1", "random": "math.random(#requests)"}


class Load:
    """What wrk saw: rate a second, latencies in microseconds."""

    def __init__(self, seen):
        self.requests, self.seconds = seen["requests"], seen["us"] / 1e6
        self.rate = self.requests / self.seconds
        self.mean, self.p50, self.p99 = seen["mean"], seen["p50"], seen["p99"]


def request_line(path, token=None, method="GET", body=None, **headers):
    """One of wrk's requests as a line of its script."""
    fields = {"Host": "localhost", **headers}
    if token:
        fields["Authorization"] = "Bearer " + token
    if body is not None:
        fields["Content-Type"] = "application/json"
    table = ", ".join(f"[{json.dumps(k)}] = {json.dumps(v)}" for k, v in fields.items())
    text = json.dumps(body, ensure_ascii=False) if body is not None else None
    return (f"requests[#requests + 1] = wrk.format({json.dumps(method)}, {json.dumps(path)}, {{{table}}}, "
            f"{'[==[' + text + ']==]' if text else 'nil'})")


def wrk(port, requests, seconds, connections=32, pick="random"):
    """One thread. Fails when an answer is not 2xx: what is measured is work that was done."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", dir=harness.scratch()) as file:
        file.write(SCRIPT.replace("REQUESTS", "\n".join(requests)).replace("PICK", PICKS[pick]))
        file.flush()
        process = harness.start_process(
            ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "-s", file.name,
             f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if seconds < 1:  # wrk counts whole seconds only, and ends early at a signal
            end_early(process, seconds)
        said, _ = process.communicate(timeout=seconds + 60)
    lines = [line for line in said.splitlines() if line.startswith("{")]
    seen = json.loads(lines[-1]) if lines else {}
    if not seen.get("requests") or seen["bad"]:
        raise AssertionError(f"wrk: answers that are no success: {seen}\n{said[-2000:]}")
    return Load(seen)


def end_early(process, seconds):
    while process.poll() is None:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)


def pgbench(conninfo, scripts, seconds, clients, variables):
    """Transactions a second of these scripts, in turn at random, on prepared statements. Less than a second means: thirty
    a client."""
    words = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2"]
    words += ["-T", str(round(seconds))] if seconds >= 1 else ["-t", "30"]
    for i, text in enumerate(scripts):
        path = os.path.join(harness.scratch(), f"pgbench{i}.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        words += ["-f", path]
    for name, value in variables.items():
        words += ["-D", f"{name}={value}"]
    done = subprocess.run(words + [conninfo], capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"failed transactions: 0 .*?^tps = ([0-9.]+) \(without initial", done.stdout, re.M | re.S)
    if done.returncode or not found:
        raise AssertionError(f"pgbench: {done.stdout}{done.stderr}\n{scripts[0]}")
    return float(found.group(1))


def processor_seconds(pids):
    """What the threads of these processes have run so far."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as text:
                total += int(text.read().split()[0])
    return total / 1e9


def memory(pids, kind="Rss"):
    """Bytes resident, over the processes."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as text:
            total += sum(int(line.split()[1]) for line in text if line.startswith(kind + ":")) * 1024
    return total


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
        return [int(n) for n in text.read().split()]


def alternate(rounds, **runs):
    """Each function once a round, the order turned round every time; the results by name."""
    seen = {name: [] for name in runs}
    names = list(runs)
    for i in range(rounds):
        for name in names if i % 2 == 0 else reversed(names):
            seen[name].append(runs[name]())
    return seen


def ratio(above, below):
    """Median of the rounds' own ratios: what drifts from round to round drops out."""
    return statistics.median(a / b for a, b in zip(above, below))


median = statistics.median
