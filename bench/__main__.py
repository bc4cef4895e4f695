"""`make bench`: every benchmark, one after the other; each can be run alone, too."""

from __future__ import annotations

from bench import gateway, limits

for benchmark in (gateway, limits):
    print(f"\n{benchmark.__name__}")
    benchmark.main()
