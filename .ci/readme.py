"""Runs the README's commands, in order, as a newcomer would: every ``sh`` block, each in its own shell.

Blocks that set the environment up (``git clone``, ``make``, ``pip install``) have stages of their own and are
left out; so is any block after a line ``<!-- not run: reason -->``. Files shown with a name in their first
comment line (``# my.yaml``) are written before what follows runs.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"(?P<note><!-- not run: [^\n]*-->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)
SET_UP = re.compile(r"^(git clone|make |pip install|cd )")


def main() -> int:
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    environment = {**os.environ, "PATH": f"{Path('.venv/bin').resolve()}:{os.environ['PATH']}"}
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for block in BLOCK.finditer(text):
            named = re.match(r"# (\S+\.(?:yaml|py))\n", block["body"])
            if named:
                Path(folder, named[1]).write_text(block["body"], encoding="utf-8")
            if block["note"]:
                continue
            if block["kind"] == "sh":
                lines = [line for line in block["body"].splitlines() if line and not SET_UP.match(line)]
            elif block["kind"] == "python":
                lines = [f"python {named[1]}"] if named else []
            else:
                continue
            for line in lines:
                print(f"$ {line}", flush=True)
                subprocess.run(line, shell=True, check=True, cwd=folder, env={**environment, "REPOSITORY": str(root)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
