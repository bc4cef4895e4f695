"""``python -m sandbox``; see ``--help``."""

import asyncio
import sys

from sandbox import options
from sandbox.server import listener as server

if __name__ == "__main__":
    asyncio.run(server.serve(options.parse(sys.argv[1:])))
