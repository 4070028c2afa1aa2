#!/usr/bin/env python3
"""Which file of core/ needs which, read off the symbols of a build's object files and the #include lines: arrows only point down the floors of
docs/architecture.md, and no two files need each other, however long the way round.

    tests/source/floors.py BUILD            faults, one a line; exit 1 when there are any
    tests/source/floors.py BUILD --arrows   every arrow instead
"""
import pathlib
import re
import subprocess
import sys

# Lowest first; those of one entry are beside each other and do not need each other.
FLOORS = [{"base"}, {"loop"}, {"net", "db", "blob", "sheet", "fetch"}, {"http"}, {"tenant"}, {"access"}, {"plugin"}, {"resource"}, {"notify"}, {"api"},
          {"master"}, {"main", "ctl", "media"}]
LEVEL = {name: n for n, names in enumerate(FLOORS) for name in names}
# The rooms of the largest floors, the same way; what lies outside them is above them.
ROOMS = {"plugin": [{"package"}, {"policy"}, {"outlook", "host"}, {"hook"}],
         "resource": [{"declare"}, {"record"}, {"query", "beside", "custom"}, {"flow", "transfer", "report"}, {"own", "batch"}]}


def source_of(path, sources, build):
    """core/db/pipe.c for build/core/libjuxin-core.a.p/db_pipe.c.o: meson names an object after its source's path below the folder that
    builds it, with an underscore for each slash."""
    name = "_".join([*path.relative_to(build / "core").parts[:-2], path.name[:-2]])
    if name not in sources:
        raise SystemExit(f"{path}: no source file of that name")
    return sources[name]


def symbols(build):
    """{source: (names it defines, names it takes)}, external ones only."""
    found = {}
    sources = {"_".join(path.parts[1:]): str(path) for path in pathlib.Path("core").rglob("*.c")}
    for path in sorted((build / "core").rglob("*.o")):
        source = source_of(path, sources, build)
        defined, taken = found.setdefault(source, (set(), set()))
        listing = subprocess.run(["nm", "-P", "-g", str(path)], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            name, kind = line.split()[:2]
            (taken if kind in "Uwv" else defined).add(name)
    return found


def arrows(found):
    """{source: {other source: names}}"""
    owner = {name: source for source, (defined, _) in found.items() for name in defined}
    result = {source: {} for source in found}
    for source, (_, taken) in found.items():
        for name in taken:
            if owner.get(name, source) != source:
                result[source].setdefault(owner[name], set()).add(name)
    return result


def floor(source):
    """(floor, room within it): what is compared to tell up from down."""
    parts = pathlib.Path(source).with_suffix("").parts
    rooms = ROOMS.get(parts[1], [])
    room = next((n for n, names in enumerate(rooms) if parts[2] in names), len(rooms))
    return LEVEL[parts[1]], room


def circles(graph):
    """Strongly connected components of more than one file (Tarjan, without recursion)."""
    order, low, on_stack, stack, result = {}, {}, set(), [], []
    for start in graph:
        work = [] if start in order else [(start, iter(graph[start]))]
        if work:
            order[start] = low[start] = len(order)
            stack.append(start)
            on_stack.add(start)
        while work:
            node, following = work[-1]
            for target in following:
                if target not in order:
                    order[target] = low[target] = len(order)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(graph[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    members = set(stack[stack.index(node):])
                    del stack[stack.index(node):]
                    on_stack -= members
                    if len(members) > 1:
                        result.append(sorted(members))
    return result


def includes_up():
    """Headers of a floor above, or of another folder on the same one."""
    for path in sorted(pathlib.Path("core").rglob("*.[ch]")):
        if path.parts[1] == "include":
            continue
        for name in re.findall(r'^#include "(\w+/[\w/]+)\.h"', path.read_text(encoding="utf-8"), re.M):
            target = pathlib.Path("core") / name
            if floor(target) > floor(path) or (floor(target) == floor(path) and target.parent != path.parent):
                yield f"{path} includes {name}.h, which is not below it"


def faults(graph):
    yield from includes_up()
    for source, targets in sorted(graph.items()):
        for target, names in sorted(targets.items()):
            same_folder = pathlib.Path(source).parent == pathlib.Path(target).parent
            if floor(target) > floor(source) or (floor(target) == floor(source) and not same_folder):
                yield f"{source} -> {target} points up: {', '.join(sorted(names)[:6])}"
    for members in circles(graph):
        yield "circle: " + ", ".join(members)
        for source in members:
            for target in members:
                if target in graph[source]:
                    yield f"    {source} -> {target}: {', '.join(sorted(graph[source][target]))}"


def main():
    build = pathlib.Path(sys.argv[1])
    graph = arrows(symbols(build))
    if "--arrows" in sys.argv[2:]:
        for source, targets in sorted(graph.items()):
            for target, names in sorted(targets.items()):
                print(f"{source} -> {target}: {', '.join(sorted(names))}")
        return 0
    if len(graph) < 100:
        print(f"{build}: only {len(graph)} files found")
        return 1
    lines = list(faults(graph))
    print("\n".join(lines) if lines else f"{len(graph)} files, no circle, no arrow up")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
