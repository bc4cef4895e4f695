"""A stand-in for Rev.io's SOAP service, with its limits, its possible shapes and its faults.

``python -m sandbox`` serves it; `running` does so for a test. It imports nothing of the application
that it stands opposite.
"""

from sandbox.local.client import RunningSandbox, running
from sandbox.vendor.sessions import Account

__all__ = ["Account", "RunningSandbox", "running"]
