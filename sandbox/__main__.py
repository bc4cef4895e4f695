"""``python -m sandbox``; see ``--help``."""

import asyncio
import sys

from sandbox import options, process

if __name__ == "__main__":
    asyncio.run(process.serve(options.parse(sys.argv[1:])))
