# What is to be reached, and how measured figures are told: a table, JSON, or Markdown for docs/performance.md.
import datetime
import json
import os
import platform
import unicodedata


class Row:
    def __init__(self, name, what, goal, unit="×"):
        self.name, self.what, self.unit = name, what, unit
        self.at_least = goal is None or goal[0] == ">="
        self.goal = goal[1] if goal else None

    def ok(self, measured):
        if self.goal is None:
            return None
        return measured >= self.goal if self.at_least else measured <= self.goal

    def goal_text(self):
        return "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g} {self.unit}"


ROWS = [
    Row("read_one", "one record by id, against pgbench", (">=", 0.9)),
    Row("read_list", "20 records of a community, against pgbench", (">=", 0.9)),
    Row("write", "a new record in a durable transaction, against pgbench", (">=", 0.85)),
    Row("subtree_street", "20 records of a street, against a community's", (">=", 0.75)),
    Row("subtree_county", "20 records of the county, against a community's", (">=", 0.75)),
    Row("livez", "/livez, against nginx", (">=", 0.8)),
    Row("static", "a file, against nginx", (">=", 0.8)),
    Row("peer_one", "one record, against fastify + pg", (">=", 5)),
    Row("peer_list", "20 records, against fastify + pg", (">=", 5)),
    Row("page_processor", "processor time of the server per 20 records", ("<=", 20), "µs"),
    Row("check_throughput", "a permission check, 665,000 units, 50 grants", ("<=", 20), "ns"),
    Row("check_dependent", "the same, each waiting for the one before", ("<=", 60), "ns"),
    Row("check_memory", "memory a check works on, per unit", ("<=", 24), "B"),
    Row("tree_rebuild", "a tree of 665,000 units built again", ("<=", 15), "ms"),
    Row("p99_slow", "p99 while two clients run 50 ms queries, against quiet", ("<=", 1.25)),
    Row("p99_logins", "p99 during a storm of sign-ins, against quiet", ("<=", 1.25)),
    Row("idle_memory", "10,000 idle connections", ("<=", 12), "MB"),
    Row("streams_memory", "5,000 event streams", ("<=", 40), "MB"),
    Row("streams_tls_memory", "5,000 event streams over TLS", ("<=", 100), "MB"),
    Row("streams_event", "an event at all of them", ("<=", 200), "ms"),
    Row("streams_tls_event", "the same over TLS", ("<=", 200), "ms"),
    Row("resident", "a worker before its caches", ("<=", 20), "MB"),
    Row("start", "start to first answer", ("<=", 0.2), "s"),
    Row("growth_rows", "latency of a page, 10,000,000 records against 100,000", ("<=", 1.15)),
    Row("growth_tenants", "latency of a page, 2,978 tenants against 3", ("<=", 1.15)),
    Row("search", "p99 of a search by two characters or initials, 1,000,000 people", ("<=", 50), "ms"),
    Row("search_build", "building what they are found by", None, "records/s"),
    Row("statistics", "statistics of a county's 1,000,000 records", ("<=", 200), "ms"),
    Row("import", "importing 100,000 people with validation, audit and history", (">=", 10000), "rows/s"),
    Row("import_copy", "the same, against COPY into the same table without them", (">=", 0.3)),
    Row("import_memory", "a worker that has imported them", ("<=", 64), "MB"),
    Row("export", "100,000 people to XLSX", ("<=", 8), "s"),
    Row("export_memory", "a worker that has exported them", ("<=", 64), "MB"),
    Row("country_import", "importing the country: 2,978 tenants, 664,903 units", None, "s"),
    Row("country_memory", "a worker that has served every one of them", None, "MB"),
]


def number(value):
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cells(measured, notes):
    for row in ROWS:
        if row.name in measured:
            ok = row.ok(measured[row.name])
            yield [row.what, f"{number(measured[row.name])} {row.unit}", row.goal_text(),
                   "" if ok is None else "yes" if ok else "no", notes.get(row.name, "")]


def as_text(measured, notes):
    lines = [["", "measured", "goal", "ok", ""], *cells(measured, notes)]
    widths = [max(width(line[i]) for line in lines) for i in range(5)]
    return "\n".join("  ".join(c + " " * (w - width(c)) for c, w in zip(line, widths)).rstrip() for line in lines)


def as_json(measured):
    return "\n".join(json.dumps({"name": row.name, "measured": round(measured[row.name], 4), "goal": row.goal,
                                 "ok": row.ok(measured[row.name])}) for row in ROWS if row.name in measured)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        names = [line.partition(":")[2].strip() for line in text if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_markdown(measured, notes):
    day, cores = datetime.date.today().isoformat(), len(os.sched_getaffinity(0))
    head = f"{day}, {cores} cores ({processor()}), Linux {platform.release().split('-')[0]}:\n\n"
    rule = "| | measured | goal | ok | |\n|---|---|---|---|---|\n"
    return head + rule + "\n".join("| " + " | ".join(line) + " |" for line in cells(measured, notes))
