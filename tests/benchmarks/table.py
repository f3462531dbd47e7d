"""The figures as tables for people."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def batches(rows: list[Row], base: str) -> str:
    """Return nodes per second, the ratio to `base` in the same run, and what a node costs."""
    of_base = {row["shape"]: row["nodes_per_s"] for row in rows if row["peer"] == base}
    head = [
        "shape",
        "peer",
        "nodes/s",
        f"x {base}",
        "CPU us/node",
        "redis + workers + driver",
        "scripts",
        "commands",
        "foreign",
    ]
    lines = []
    for row in sorted(rows, key=lambda row: list(dict.fromkeys(each["shape"] for each in rows)).index(row["shape"])):
        cost = row["us_per_node"]
        ratio = f"{row['nodes_per_s'] / of_base[row['shape']]:.2f}" if row["shape"] in of_base else "-"
        lines.append(
            [
                row["shape"],
                row["peer"],
                f"{row['nodes_per_s']:,.0f}",
                ratio,
                f"{sum(cost.values()):.0f}",
                f"{cost['redis']:.0f} + {cost['workers']:.0f} + {cost['driver']:.0f}",
                f"{row['scripts_per_node']:.2f}",
                f"{row['commands_per_node']:.1f}",
                f"{row['foreign']:.0%}",
            ]
        )
    return markdown(head, lines)


def latencies(rows: list[Row]) -> str:
    """Return milliseconds from start to end."""
    lines = [
        [row["shape"], row["peer"], row["mode"], str(row["samples"]), f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}"]
        for row in sorted(rows, key=lambda row: (row["shape"], row["mode"]))
    ]
    return markdown(["shape", "peer", "mode", "samples", "p50 ms", "p99 ms"], lines)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
