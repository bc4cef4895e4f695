"""A worker's own metrics, as Prometheus reads them at REVIO_METRICS_PORT."""

from __future__ import annotations

from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.dev.stack import local_stack
from revio_jobs import Lane, RevioJobs, errors
from sandbox.local.embedded_redis import free_port
from tests.patience import PATIENCE_S, wait_until

Values = dict[tuple[str, frozenset[str]], float]


def scraped(port: int) -> Values:
    """Values by their names and the values of their labels."""
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
    }


def test_a_worker_counts_its_jobs_its_calls_and_its_exchanges() -> None:
    port = free_port()
    with local_stack(
        workers={"bulk": ("revio.default.bulk",)},
        sandbox={"customers": 4},
        environment={"REVIO_METRICS_PORT": str(port)},
    ) as stack:
        with RevioJobs.connect(stack.redis.url) as jobs:
            jobs.update(id=5001, rate="12.50", lane=Lane.BULK).result(timeout=PATIENCE_S)
            jobs.query(ids=[5001, 5002], lane=Lane.BULK).result(timeout=PATIENCE_S)
            with pytest.raises(errors.Permanent):
                jobs.update(id=1, rate="12.50", lane=Lane.BULK).result(timeout=PATIENCE_S)
        # The last job is counted after its caller has heard.
        ended = ("revio_job_duration_seconds_count", frozenset({"update", "bulk"}))
        wait_until(lambda: scraped(port).get(ended) == 2)
        values = scraped(port)

    def value(name: str, *labels: str) -> float:
        return values.get((name, frozenset(labels)), 0.0)

    bulk = ("default", "bulk")
    assert value("revio_jobs_total", "update", *bulk, "applied") == 1
    assert value("revio_jobs_total", "query", *bulk, "done") == 1
    assert value("revio_vendor_calls_total", *bulk, "query", "200") == 1
    assert value("revio_vendor_calls_total", *bulk, "update", "200") >= 1
    assert value("revio_query_call_values_sum", "default") == 2
    assert value("revio_permit_wait_seconds_count", *bulk) >= 2
    assert 0 < value("revio_redis_exchanges_total") <= value("revio_redis_scripts_total")
    assert value("revio_process_threads") > 1
    assert value("process_resident_memory_bytes") > 0
