#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py [--markdown] RESULTS.json... - a page of tables and plots of what dune-bench measured.

Prints HTML with the plots (by gnuplot) in it, to read on screen or paper; with --markdown, tables alone.
Rows of several files are put one after the other; the machine is that of each file.
"""
import html
import json
import subprocess
import sys


def die(text):
    sys.exit(f"report.py: {text}")


def load(name):
    try:
        with open(name, encoding="utf-8") as f:
            report = json.load(f)
        assert report["program"] == "dune-bench"
        return report
    except (OSError, ValueError, KeyError, AssertionError) as e:
        die(f"{name}: not results of dune-bench: {e or 'another program'}")


# ---- figures ---------------------------------------------------------------

def number(value):
    if value is None:
        return ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def done(row):
    return [s for s in row["sides"] if s["status"] == "done"]


def linux_median(row, side):
    """What the ratio of a side is to: Linux at the same size."""
    for s in done(row):
        if s.get("side", s["name"]) == "linux" and s.get("size") == side.get("size"):
            return s["median"]
    return None


def ratio(row, side):
    base = linux_median(row, side)
    return f"{side['median'] / base:.3f}" if base else ""


def is_emulated(report):
    return bool(report["machine"].get("tick is an instruction"))


def published(row, side):
    return row.get(f"published {side['name']}")


def reasons(side):
    kinds = side.get("exits by reason", {})
    return ", ".join(f"{k} {number(v)}" for k, v in kinds.items() if v >= 0.005)


EXTRA = ["references", "levels", "EPT levels", "bytes each"]


def extra(side):
    return ", ".join(f"{k} {number(side[k])}" for k in EXTRA if k in side)


def columns(report):
    """Heading, and what is in it for a side of a row."""
    model = ("model", lambda row, s: number(s.get("model"))) if is_emulated(report) else \
            ("cycles", lambda row, s: number(s.get("cycles")))
    return [
        ("", lambda row, s: s["name"]),
        ("min", lambda row, s: number(s["min"])),
        ("median", lambda row, s: number(s["median"])),
        ("p90", lambda row, s: number(s["p90"])),
        ("max", lambda row, s: number(s["max"])),
        ("/ linux", ratio),
        ("exits", lambda row, s: number(s["exits"])),
        ("page faults", lambda row, s: number(s.get("page faults"))),
        model,
        ("published", lambda row, s: number(published(row, s))),
        ("by reason", lambda row, s: reasons(s)),
        ("more", lambda row, s: "; ".join(x for x in (s.get("what", ""), extra(s)) if x)),
    ]


def table(report, row):
    head = columns(report)
    lines = []
    for s in row["sides"]:
        if s["status"] == "done":
            lines.append([f(row, s) for _, f in head])
        else:
            lines.append([s["name"]] + [""] * (len(head) - 2) + [f"{s['status']}: {s.get('why', '')}"])
    # a column in which nothing is says nothing
    keep = [i for i in range(len(head)) if i < 3 or any(line[i] for line in lines)]
    return [head[i][0] for i in keep], [[line[i] for i in keep] for line in lines]


# ---- plots -----------------------------------------------------------------

def gnuplot(script):
    try:
        p = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        die("gnuplot: not found (apt-get install gnuplot-nox)")
    except subprocess.CalledProcessError as e:
        die(f"gnuplot: {e.stderr.strip()}")
    return p.stdout[p.stdout.index("<svg"):]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("_", "\\\\_") + '"'


def bars(row, unit):
    """A bar for each side; a log scale where the longest would leave nothing of the shortest."""
    sides = done(row)
    values = [max(s["median"], 0.1) for s in sides]
    log = max(values) > 20 * min(values)
    left = min(values) / 3 if log else 0
    data = "\n".join(f"{left} {i} {left} {v} {i - 0.35} {i + 0.35} \"{number(v)}\"" for i, v in enumerate(values))
    tics = ", ".join(f"{quoted(s['name'])} {i}" for i, s in enumerate(sides))
    right = max(values) * (3 if log else 1.15)
    return gnuplot(f"""
set terminal svg size 760,{70 + 26 * len(sides)} font "sans,12" noenhanced
set xlabel "{unit}{', log scale' if log else ''}"
{'set logscale x' if log else ''}
set xrange [{left}:{right}]
set yrange [{len(sides) - 0.4}:-0.6]
set ytics ({tics})
set border 3
set tics nomirror
set key off
set style fill solid 0.35 border -1
$d << END
{data}
END
plot $d using 1:2:3:4:5:6 with boxxyerror lc rgb "#406080", $d using 4:2:7 with labels left offset 0.5,0
""")


def curves(row, unit):
    """The cost against the size, a line for each side."""
    names = list(dict.fromkeys(s["side"] for s in done(row)))
    blocks, plots = [], []
    for i, name in enumerate(names):
        points = [(s["size"], max(s["median"], 0.1)) for s in done(row) if s["side"] == name]
        blocks.append(f"$d{i} << END\n" + "\n".join(f"{x} {y}" for x, y in points) + "\nEND")
        plots.append(f"$d{i} with linespoints dt {i + 1} pt {i + 4} lc rgb \"black\" title {quoted(name)}")
    values = [s["median"] for s in done(row)]
    log = max(values) > 20 * max(min(values), 0.1)
    return gnuplot(f"""
set terminal svg size 760,300 font "sans,12" noenhanced
set xlabel {quoted(row.get("size is", "size") + ", log scale")}
set ylabel "{unit}{', log scale' if log else ''}"
set logscale x
{'set logscale y' if log else 'set yrange [0:*]'}
set border 3
set tics nomirror
set key outside right
{chr(10).join(blocks)}
plot {', '.join(plots)}
""")


def plot(report, row):
    unit = "ticks: instructions" if is_emulated(report) else "ticks of the TSC"
    if not done(row):
        return ""
    return curves(row, unit) if any("size" in s for s in done(row)) else bars(row, unit)


# ---- pages -----------------------------------------------------------------

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #111 }
table { border-collapse: collapse; margin: .5em 0; font-size: 13px }
td, th { border-bottom: 1px solid #bbb; padding: .15em .6em; text-align: right; vertical-align: top }
td:first-child, th:first-child, td:last-child, th:last-child { text-align: left }
section { break-inside: avoid } dd { margin-left: 2em } svg { max-width: 100% }
@media print { body { max-width: none; font-size: 10px } table { font-size: 8.5px } }
"""


def about(report):
    m = report["machine"]
    tick = ("an emulator: a tick is an instruction, and not time; what an exit costs a CPU is not in it"
            if is_emulated(report) else "real hardware, or what looks like it; a tick is one of the TSC's")
    return [
        ("CPU", f"{m['cpu']}, {m['cpus']} online"),
        ("Kernel", m["kernel"]),
        ("Command line", m["command line"]),
        ("Mitigations", "; ".join(f"{k}: {v}" for k, v in m["mitigations"].items())),
        ("Commit", m["commit"]),
        ("Ticks", tick),
        ("Model", f"median + exits x {report['exit cost']:.0f} cycles: a model, and no measurement"),
    ]


def html_table(report, row):
    head, lines = table(report, row)
    esc = html.escape
    yield "<table><tr>" + "".join(f"<th>{esc(h)}</th>" for h in head) + "</tr>"
    for line in lines:
        yield "<tr>" + "".join(f"<td>{esc(c)}</td>" for c in line) + "</tr>"
    yield "</table>"


def html_page(reports):
    esc = html.escape
    yield f"<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>dune-bench</title><style>{STYLE}</style>"
    yield "<h1>dune-bench</h1>"
    for report in reports:
        yield "<dl>" + "".join(f"<dt><b>{esc(k)}</b></dt><dd>{esc(v)}</dd>" for k, v in about(report)) + "</dl>"
        group = None
        for row in report["rows"]:
            if row["group"] != group:
                group = row["group"]
                yield f"<h2>{esc(group)}</h2>"
            yield f"<section><h3>{esc(row['name'])}: {esc(row['what'])}</h3>"
            yield plot(report, row)
            yield from html_table(report, row)
            yield "</section>"
    yield "</html>"


def markdown_page(reports):
    for report in reports:
        for k, v in about(report):
            yield f"- {k}: {v}"
        group = None
        for row in report["rows"]:
            if row["group"] != group:
                group = row["group"]
                yield f"\n## {group}"
            head, lines = table(report, row)
            yield f"\n### {row['name']}: {row['what']}\n"
            yield "| " + " | ".join(head) + " |"
            yield "|" + "|".join(["---"] + ["---:"] * (len(head) - 2) + ["---"]) + "|"
            for line in lines:
                yield "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |"
        yield ""


def main(args):
    markdown = args[:1] == ["--markdown"]
    files = args[1:] if markdown else args
    if not files or any(f.startswith("-") for f in files):
        sys.exit("usage: report.py [--markdown] RESULTS.json...")
    reports = [load(f) for f in files]
    print("\n".join(markdown_page(reports) if markdown else html_page(reports)))


main(sys.argv[1:])
