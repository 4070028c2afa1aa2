# The demonstration's trees and the calendars are what they say they are.
import collections
import datetime
import json

from lib.harness import main
from lib.server import ROOT

LEVELS = {"county": (None,), "street": ("county",), "community": ("street",), "park": ("county", "street")}


def units(name):
    return json.loads((ROOT / "deploy/demo" / name).read_text(encoding="utf-8"))["units"]


def check_tree(rows, known=()):
    levels = dict(known)
    for row in rows:
        assert set(row) == {"code", "name", "level", "parent"}, row
        assert row["code"] not in levels, f"{row['code']} occurs twice"
        assert levels.get(row["parent"]) in LEVELS[row["level"]], f"{row} has a wrong parent"
        levels[row["code"]] = row["level"]
    return levels


def test_shangcheng():
    levels = check_tree(units("330102.json"))
    assert collections.Counter(levels.values()) == {"county": 1, "street": 14, "community": 203}
    assert units("330102.json")[0] == {"code": "330102", "name": "上城区", "level": "county", "parent": None}
    parks = check_tree(units("330102-parks.json"), levels)
    assert sum(level == "park" for level in parks.values()) == 2


def test_lianhu():
    levels = check_tree(units("lianhu.json"))
    assert collections.Counter(levels.values()) == {"county": 1, "street": 2, "community": 4}


def test_calendars():
    files = sorted((ROOT / "schemas/calendar").glob("CN-*.json"))
    assert [f.name for f in files] == ["CN-2025.json", "CN-2026.json"]
    for file in files:
        calendar = json.loads(file.read_text(encoding="utf-8"))
        dates = [datetime.date.fromisoformat(day["date"]) for day in calendar["days"]]
        assert dates == sorted(set(dates)) and {d.year for d in dates} == {calendar["year"]}
        for day, date in zip(calendar["days"], dates):
            assert day["kind"] in ("holiday", "workday")
            assert day["kind"] == "holiday" or date.weekday() >= 5, f"{day} is a working day anyway"


def test_working_days_of_2026():
    days = json.loads((ROOT / "schemas/calendar/CN-2026.json").read_text(encoding="utf-8"))["days"]
    kinds = collections.Counter(day["kind"] for day in days)
    assert kinds == {"holiday": 33, "workday": 6}, kinds


if __name__ == "__main__":
    main()
