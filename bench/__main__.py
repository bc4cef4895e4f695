"""`make bench`: every benchmark, one after the other; each can be run alone, too."""

from __future__ import annotations

from bench import campaign, gateway, limits

for benchmark in (gateway, limits, campaign):
    print(f"\n{benchmark.__name__}")
    benchmark.main()
