"""What the console serves of others is what its page of origins says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[3] / "console/static/vendor"


def test_every_vendored_file_has_its_hash_and_licence() -> None:
    table = (VENDOR / "README.md").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^\| `([\w.]+)` .*`([0-9a-f]{64})`", table, re.MULTILINE))
    files = {path.name for path in VENDOR.iterdir()} - {"README.md"}
    licences = {name for name in files if name.endswith(".LICENSE")}
    assert files - licences == set(pinned)
    assert len(licences) == len(pinned)
    for name, digest in pinned.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
        assert name.split(".")[0] in {licence.split(".")[0] for licence in licences}
