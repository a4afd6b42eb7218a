"""Is a rebuilt zoo the committed one, within the intervals of its table?

    python -m modelswarms.zoo.build --out zoo_build
    python benchmarks/zoo_rebuild.py zoo_build

Compares every figure of the two tables (percent right, by model, set and family). Two shares of the same questions
are compared by the 95 % interval of their difference, unpaired, plus one question. Prints what is outside, and ends
with 1 where that is more than one figure in twenty, which chance alone explains.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from modelswarms import zoo
from seeds import markdown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="folder of the rebuilt zoo")
    options = parser.parse_args()
    committed = json.loads(zoo.table_path().read_text(encoding="utf-8"))
    rebuilt = json.loads((options.build / "table.json").read_text(encoding="utf-8"))
    rows, compared = [], 0
    for model, sets in committed["percent"].items():
        for split in ("dev", "test"):
            for family, before in sets[split].items():
                after = rebuilt["percent"][model][split][family]
                allowed = tolerance(before, after, committed["counts"][split][family])
                compared += 1
                if abs(after - before) > allowed:
                    rows.append([model, split, family, f"{before:.1f}", f"{after:.1f}", f"{allowed:.1f}"])
    if rows:
        header = ["model", "set", "family", "committed", "rebuilt", "allowed"]
        sys.stdout.write(markdown(header, rows) + "\n\n")
    sys.stdout.write(f"{len(rows)} of {compared} figures are outside their intervals.\n")
    return int(len(rows) > compared / 20)


def tolerance(before: float, after: float, count: int) -> float:
    """Points by which two shares, in percent of ``count`` questions, may differ by chance."""
    mean = (before + after) / 200
    return 100 * (1.96 * math.sqrt(2 * mean * (1 - mean) / count) + 1 / count)


if __name__ == "__main__":
    sys.exit(main())
