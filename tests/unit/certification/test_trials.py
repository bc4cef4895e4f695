"""Random vendors are certified as they are, whatever goes wrong; `make certify-proof` is longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.faults.catalogue import FAULTS as CATALOGUE
from tests.certification.trial import try_vendor
from tests.certification.vendors import FAULTS

# Among them are deaths, faults, dead sessions, lags, resets and bursts.
_SEEDS = (2, 3, 6, 9, 21, 23, 48, 66, 67, 185)


@pytest.mark.parametrize("seed", _SEEDS)
def test_findings_are_true_the_budget_is_kept_and_products_are_as_before(
    seed: int, tmp_path: Path
) -> None:
    trial = try_vendor(seed, tmp_path)
    assert trial.faults == []
    assert trial.findings > 15


def test_every_fault_of_the_trials_is_one_that_the_sandbox_knows() -> None:
    assert set(FAULTS) <= CATALOGUE.keys()
