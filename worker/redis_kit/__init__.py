"""Redis as all adapters use it: scripts, leases, connection."""
