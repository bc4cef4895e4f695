"""`python -m cli`, which the `revio` launcher runs."""

import gc
import sys

# Importing makes hundreds of thousands of objects that stay: to look for garbage among them again
# and again would take a fifth of a command's start. `CommandSource.load` ends this.
gc.disable()

from cli.command import main  # noqa: E402 - as said

if __name__ == "__main__":
    sys.exit(main())
