"""`revio exporter`: the fleet's metrics for Prometheus, from Redis alone."""
