"""``python -m modelswarms`` is the command line."""

import sys

from modelswarms.cli import main

sys.exit(main())
