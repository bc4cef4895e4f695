"""A metric as it is declared, and its values at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class Kind(StrEnum):
    """What a value does over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """It only grows, and its name ends with `_total`."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric's name, meaning and labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE

    def sample(self, value: float, *labels: str) -> Sample:
        """Its value for these label values, in the order of `labels`."""
        return Sample(self, labels, float(value))


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family."""

    family: Family
    labels: tuple[str, ...]
    value: float


def metrics_of(samples: Iterable[Sample]) -> Iterator[Metric]:
    """For prometheus-client: the samples by family, in the order in which the families come."""
    metrics: dict[Family, CounterMetricFamily | GaugeMetricFamily] = {}
    for sample in samples:
        family = sample.family
        if family not in metrics:
            is_counter = family.kind is Kind.COUNTER
            metric_class = CounterMetricFamily if is_counter else GaugeMetricFamily
            metrics[family] = metric_class(family.name, family.help, labels=family.labels)
        metrics[family].add_metric(sample.labels, sample.value)
    return iter(metrics.values())
