"""`make bench`: every benchmark, one after the other; each can be run alone, too.

`python -m bench --short` shows in some minutes that they all work; its figures mean little.
"""

from __future__ import annotations

import sys

from bench import campaign, gateway, jobs, large, limits, waiting

_SHORT = {limits: ["--seconds", "20"], jobs: ["--short"], large: ["--short"]}

short = sys.argv[1:] == ["--short"]
for benchmark in (gateway, jobs, large, waiting, limits):
    print(f"\n{benchmark.__name__}", flush=True)
    sys.argv = [benchmark.__name__, *(_SHORT.get(benchmark, []) if short else [])]
    benchmark.main()
print(f"\n{campaign.__name__}", flush=True)
campaign.main(*((5000, 500) if short else ()))
