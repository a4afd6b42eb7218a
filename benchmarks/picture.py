"""The README's picture, from a run that is over: experts, the swarm, and the one better expert.

    python benchmarks/picture.py runs/demo

Writes docs/picture.svg, with a background of its own, so that it reads on light and on dark pages.
"""

from __future__ import annotations

import argparse
import sys
from html import escape
from pathlib import Path

from modelswarms.errors import RunError
from modelswarms.reports.charts import fitted, nice_ticks, share_of, text_width, whole_ticks
from modelswarms.reports.curves import iteration_values
from modelswarms.reports.evidence import Evidence, gather
from modelswarms.reports.html import saved_result
from modelswarms.reports.numbers import Scale, counted, signed
from modelswarms.reports.sentence import scale_of
from modelswarms.runs import RunFolder

WIDTH, HEIGHT, TOP, BOTTOM = 980, 370, 84, 318
MOST_BARS = 14
INK, SOFT, RULE, PAPER = "#1c2430", "#5a6675", "#d9dfe7", "#fbfcfe"
BEST, MEAN, SINGLE, EXPERT = "#1d5fd1", "#0b7f6a", "#8a3fb0", "#aab6c6"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run that is over, with test figures")
    parser.add_argument("--out", type=Path, default=Path("docs/picture.svg"))
    options = parser.parse_args()
    try:
        options.out.write_text(picture(evidence_of(options.run)), encoding="utf-8")
    except RunError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(f"{options.out}\n")


def evidence_of(run: Path) -> Evidence:
    """A run's evidence. Raises RunError where the run is not over or has no test figures."""
    folder = RunFolder(run)
    evidence = gather(folder.journal.read(), folder.manifest(), saved_result(folder))
    if not evidence.finished or evidence.result is None or evidence.result["difference"] is None:
        raise RunError(f"{run}: has no test figures; give a run that is over and has test: best.")
    return evidence


def picture(evidence: Evidence) -> str:
    """The picture as SVG."""
    result, scale = evidence.result, scale_of(evidence)
    best, single = result["best"], result["best_single"]
    label = (
        f"{len(evidence.experts)} experts; the swarm's best on dev by iteration; on test {scale.value(best['test'])} "
        f"against {scale.value(single['test'])} for the best single expert"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{escape(clean(label))}" '
            'font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">',
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10" fill="{PAPER}" stroke="{RULE}"/>',
            *experts_panel(evidence, scale, 24, 300),
            arrow(324),
            *swarm_panel(evidence, scale, 366, 640),
            arrow(662),
            *best_panel(evidence, scale, 704, 956),
            "</svg>\n",
        ]
    )


def experts_panel(evidence: Evidence, scale: Scale, left: float, right: float) -> list[str]:
    """A bar for every expert, from the best to the worst on dev; negative values begin at the lowest."""
    values = sorted(evidence.result["experts"].items(), key=lambda item: -item[1])
    shown, more = values[:MOST_BARS], len(values) - MOST_BARS
    parts = heading(left, counted(len(values), "expert"), "each alone, on dev")
    low, high = min([0.0, *evidence.result["experts"].values()]), max([0.0, *evidence.result["experts"].values()])
    names = min(130.0, max(text_width(name) for name, _ in shown) + 8)
    numbers = max(text_width(scale.value(v)) for _, v in shown) + 8
    room = right - left - names - numbers
    row = min(26.0, (BOTTOM - TOP) / max(1, len(shown)))
    for i, (name, value) in enumerate(shown):
        middle = TOP + row * (i + 0.5)
        length = max(1.0, room * share_of(value, low, high))
        colour = SINGLE if name == evidence.result["best_single"]["expert"] else EXPERT
        parts += [
            text(left + names - 6, middle + 4, fitted(clean(name), names - 8), 12, anchor="end"),
            f'<rect x="{left + names:.1f}" y="{middle - row * 0.34:.1f}" width="{length:.1f}" '
            f'height="{row * 0.68:.1f}" rx="2" fill="{colour}"/>',
            text(left + names + length + 6, middle + 4, scale.value(value), 12, colour=SOFT),
        ]
    if more > 0:
        parts.append(text(left + names, BOTTOM + 16, f"and {more} more", 12, colour=SOFT))
    return parts


def swarm_panel(evidence: Evidence, scale: Scale, left: float, right: float) -> list[str]:
    """Best so far and mean of every iteration on dev, and the best single expert's level."""
    best, mean, _ = iteration_values(evidence)
    level = evidence.result["best_single"]["dev"]
    known = [v for v in (*best, *mean, level) if v is not None]
    low, high = min(known), max(known)
    pad = 0.08 * (high - low) or max(abs(high) * 0.1, 1e-6)
    low, high = low - pad, high + pad
    ticks = nice_ticks(low, high, 4)
    edge = left + max(text_width(scale.tick(t)) for t in ticks) + 6
    last = max(1, len(best) - 1)

    def place(iteration: int, value: float) -> str:
        x = edge + 6 + (right - edge - 12) * iteration / last
        return f"{x:.1f},{height(value):.1f}"

    def height(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * share_of(value, low, high)

    parts = heading(left, "a swarm of combinations", "on dev, by iteration")
    for tick in ticks:
        y = height(tick)
        parts.append(f'<line x1="{edge:.1f}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{RULE}"/>')
        parts.append(text(edge - 6, y + 4, scale.tick(tick), 12, anchor="end", colour=SOFT))
    for iteration in whole_ticks(len(best) - 1, 6):
        x = float(place(iteration, low).split(",")[0])
        parts.append(text(x, BOTTOM + 16, str(iteration), 12, anchor="middle", colour=SOFT))
    y = height(level)
    parts.append(
        f'<line x1="{edge:.1f}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{SINGLE}" stroke-width="1.5" '
        'stroke-dasharray="6 4"/>'
    )
    for values, colour, width in ((mean, MEAN, 2), (best, BEST, 3)):
        points = [place(i, v) for i, v in enumerate(values) if v is not None]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3" fill="{colour}"/>' for p in points]
    keys = (("best so far", BEST), ("mean", MEAN), ("best single", SINGLE))
    at = left
    for name, colour in keys:
        parts.append(f'<line x1="{at:.1f}" x2="{at + 16:.1f}" y1="348" y2="348" stroke="{colour}" stroke-width="3"/>')
        parts.append(text(at + 21, 352, name, 12, colour=SOFT))
        at += 21 + text_width(name) + 14
    return parts


def best_panel(evidence: Evidence, scale: Scale, left: float, right: float) -> list[str]:
    """Test values with their intervals, and what the best is made of."""
    result = evidence.result
    best, single = result["best"], result["best_single"]
    examples = counted(len(evidence.test[best["candidate"]]["scores"]))
    rows = [("the swarm's best", best, BEST, TOP + 22), ("best single expert", single, SINGLE, TOP + 106)]
    ends = [e for _, f, _, _ in rows for e in ((f["test_ci"] if evidence.means else None) or (f["test"], f["test"]))]
    low, high = min(ends), max(ends)
    parts = heading(left, "one better expert", f"on {examples} test examples")
    for name, figures, colour, y in rows:
        interval = figures["test_ci"] if evidence.means else None
        start, middle, end = (
            left + 8 + (right - left - 16) * share_of(v, low, high)
            for v in (*(interval or (figures["test"],))[:1], figures["test"], *(interval or (figures["test"],))[-1:])
        )
        said = scale.value(figures["test"])
        parts.append(text(left, y, said, 24, colour=colour, weight=650))
        parts.append(text(left + text_width(said) * 2.3 + 10, y, name, 13, colour=SOFT))
        parts.append(
            f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y + 22}" y2="{y + 22}" stroke="{colour}" stroke-width="3"/>'
        )
        parts.append(f'<circle cx="{middle:.1f}" cy="{y + 22}" r="6" fill="{colour}"/>')
    parts.append(text(left, TOP + 164, "bars: 95 % intervals", 12, colour=SOFT))
    largest = sorted(best["coefficients"].items(), key=lambda item: -abs(item[1]))[:3]
    parts.append(text(left, TOP + 198, "made of", 12, colour=SOFT))
    for i, (name, weight) in enumerate(largest):
        line = f"{signed(weight, 2)} {fitted(clean(name), 150)}" + (
            ", …" if i == 2 and len(evidence.experts) > 3 else ""
        )
        parts.append(text(left + 58, TOP + 198 + 18 * i, line, 12))
    return parts


def heading(left: float, title: str, below: str) -> list[str]:
    return [text(left, 38, title, 17, weight=650), text(left, 59, below, 12, colour=SOFT)]


def arrow(x: float) -> str:
    y = (TOP + BOTTOM) / 2
    return (
        f'<path d="M{x - 10},{y} h18 m-7,-7 l7,7 l-7,7" fill="none" stroke="{SOFT}" stroke-width="2.5" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def text(
    x: float, y: float, content: str, size: int, *, anchor: str = "start", colour: str = INK, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(clean(content))}</text>'
    )


def clean(content: str) -> str:
    """Without what XML may not hold."""
    return "".join(c if c.isprintable() or c == "\N{NO-BREAK SPACE}" else "�" for c in content)


if __name__ == "__main__":
    main()
