"""`python -m cli`, which the `revio` launcher runs."""

import sys

from cli.command import main

if __name__ == "__main__":
    sys.exit(main())
