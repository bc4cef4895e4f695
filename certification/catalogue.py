"""All experiments in their order: those that later ones build on come first."""

from __future__ import annotations

from certification.experiment import Experiment
from certification.experiments import (
    clearing,
    dates,
    filters,
    ids,
    limits,
    numbers,
    read_back,
    sessions,
    texts,
    updates,
)

EXPERIMENTS: tuple[Experiment, ...] = (
    *sessions.EXPERIMENTS,
    *ids.EXPERIMENTS,
    *filters.EXPERIMENTS,
    *read_back.EXPERIMENTS,
    *updates.EXPERIMENTS,
    *clearing.EXPERIMENTS,
    *numbers.EXPERIMENTS,
    *dates.EXPERIMENTS,
    *texts.EXPERIMENTS,
    *limits.EXPERIMENTS,
)


def chosen(*, read_only: bool, options: frozenset[str]) -> list[Experiment]:
    """Those that are made. `options`: those of the command line that ask for further ones."""
    return [
        experiment
        for experiment in EXPERIMENTS
        if not (read_only and experiment.writes)
        and (not experiment.option or experiment.option in options)
    ]
