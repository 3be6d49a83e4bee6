"""`python -m everycall` is the command `everycall`."""

import sys

from everycall.cli import main

sys.exit(main())
