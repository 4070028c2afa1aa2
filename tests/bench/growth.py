# A page's latency with a hundred times the records, and with a thousand times the tenants.
import dataset
from tools import alternate, median, memory, ratio, request_line, wrk

CLIENTS = 4


def pages(slug, units):
    return [request_line(f"/t/{slug}/api/v1/suggestions/suggestion?unit={unit}", dataset.token(slug)) for unit in units]


def compare(size, large, small, large_requests, small_requests):
    """Mean latencies; each page once before, so that nothing is loaded during the rounds."""
    for server, requests in ((large, large_requests), (small, small_requests)):
        for _ in range(2):  # in either worker
            wrk(server.plain_port, requests, max(size.seconds, len(requests) / 500), CLIENTS, "turn")
    seen = alternate(size.rounds, large=lambda: wrk(large.plain_port, large_requests, size.seconds, CLIENTS).mean,
                     small=lambda: wrk(small.plain_port, small_requests, size.seconds, CLIENTS).mean)
    return (ratio(seen["large"], seen["small"]),
            f"{median(seen['large']) / 1000:.2f} ms, {median(seen['small']) / 1000:.2f} ms")


def rows(size):
    large, small = dataset.district(size.large).start(), dataset.district(size.small).start()
    units = [r[0] for r in small.psql("SELECT code FROM juxin.unit WHERE level = 'community' ORDER BY code")]
    found = compare(size, large, small, pages("shangcheng", units), pages("shangcheng", units))
    large.stop()
    small.stop()
    return {"growth_rows": found}


def tenants(size):
    many, few = dataset.country(size.tenants).start(), dataset.country(size.few).start()
    before = max(memory([pid]) for pid in many.workers())
    requests = [[line for (slug, unit) in server.psql(
        "SELECT t.slug, min(u.code) FROM juxin.tenant t JOIN juxin.unit u ON u.tenant_id = t.id AND u.level = 'community'"
        " GROUP BY 1 ORDER BY 1") for line in pages(slug, [unit])] for server in (many, few)]
    found = compare(size, many, few, *requests)
    after = max(memory([pid]) for pid in many.workers())
    seen = dataset.facts(many)
    many.stop()
    few.stop()
    return {"growth_tenants": found, "country_import": (seen["seconds"], "when the data set was made"),
            "country_memory": (after / 1e6, f"{before / 1e6:.0f} MB before; {len(requests[0])} tenants")}


def measure(size):
    return {**rows(size), **tenants(size)}
