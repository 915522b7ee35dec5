"""The plot of the ratios, as SVG: one row for each figure and front end, the official client being the line at 1."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from report import Comparison, machine
from works import FRONT_TITLES

WIDTH = 860
LEFT = 330
RIGHT = 60
ROW = 26
TOP = 64
BOTTOM = 40
STEPS = (0.25, 0.5, 1, 2, 5, 10)
COLOURS = {"asyncio": "#2f6f9f", "trio": "#6a8f3c", "sync": "#b0662a"}


def plot(found: Sequence[Comparison]) -> str:
    """Return the SVG text of a plot: a bar to the median ratio, a dot for each run, a mark at what is aimed at."""
    most = max([1.2, *(ratio * 1.05 for each in found for ratio in each.ratios)])
    height = TOP + ROW * len(found) + BOTTOM
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 24, "anyrelay / signalwire-sdk, the same work on the same machine: less is better", size=15),
        _text(16, 44, f"{machine()}; bars: median of the runs, dots: runs, marks: what is aimed at", fill="#555555"),
    ]
    step = next((step for step in STEPS if most / step <= 10), STEPS[-1])
    for count in range(int(most / step) + 1):
        x = LEFT + count * step * scale
        parts.append(_line(x, height, "#dddddd", 1))
        parts.append(_text(x, height - BOTTOM + 20, f"{count * step:g}", anchor="middle", fill="#555555"))
    parts.append(_line(LEFT + scale, height, "#333333", 1.5))
    for number, each in enumerate(found):
        parts += _row(each, TOP + ROW * number, scale)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _row(each: Comparison, top: float, scale: float) -> list[str]:
    """Return the elements of one row."""
    middle = top + ROW / 2
    colour = COLOURS[each.front]
    target = LEFT + each.target * scale
    title = f"{each.work.key}: {each.figure.title}, {FRONT_TITLES[each.front]}"
    bar = (
        f'<rect x="{LEFT}" y="{top + 5:.1f}" width="{each.ratio * scale:.1f}" height="{ROW - 10}" '
        f'fill="{colour}" fill-opacity="{0.75 if each.met else 0.35}"/>'
    )
    mark = (
        f'<line x1="{target:.1f}" y1="{top + 2:.1f}" x2="{target:.1f}" y2="{top + ROW - 2:.1f}" '
        'stroke="#c02020" stroke-width="2"/>'
    )
    dots = [
        f'<circle cx="{LEFT + ratio * scale:.1f}" cy="{middle:.1f}" r="2.5" fill="{colour}" stroke="#ffffff"/>'
        for ratio in each.ratios
    ]
    end = LEFT + max(*each.ratios, each.ratio, each.target) * scale + 8
    return [
        _text(LEFT - 10, middle + 4, title, anchor="end"),
        bar,
        mark,
        *dots,
        _text(end, middle + 4, f"{each.ratio:.2f}", fill="#333333"),
    ]


def _line(x: float, height: int, colour: str, width: float) -> str:
    """Return a line down the whole plot."""
    return (
        f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM + 4}" '
        f'stroke="{colour}" stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", fill: str = "#222222") -> str:
    """Return one line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'
    )
