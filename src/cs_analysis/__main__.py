"""`python -m cs_analysis` is the command `cs-analysis`."""

import sys

from cs_analysis.cli import main

sys.exit(main())
