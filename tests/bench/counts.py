# What a county's officer asks of all its records: by state, by topic and state, by street, by month.
import time

import dataset
from lib.client import Client
from tools import median

STATISTICS = "/t/shangcheng/api/v1/suggestions/suggestion/statistics"
QUESTIONS = {"by state": "group=state", "by topic and state": "group=topic,state", "by street": "group=unit.street",
             "by month": "period=month"}
TIMES = 9


def measure(size):
    server = dataset.district(size.rows).start()
    client = Client(server.plain_port, token=dataset.token("shangcheng"))
    took = {question: [] for question in QUESTIONS}
    for _ in range(TIMES):
        for question, query in QUESTIONS.items():
            began = time.monotonic()
            answer = client.get(f"{STATISTICS}?{query}")
            took[question].append((time.monotonic() - began) * 1000)
            assert answer.status == 200, answer
            assert answer.json["total"]["count"] >= size.rows, (question, answer.json["total"])  # others add some
    server.stop()
    return {"statistics": (max(median(times) for times in took.values()),
                           ", ".join(f"{question} {median(times):.0f}" for question, times in took.items()))}
