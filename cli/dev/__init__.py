"""The whole system on this machine, for development, demonstration and acceptance tests."""

from cli.dev.service import Service, ServiceError
from cli.dev.stack import Stack, local_stack

__all__ = ["Service", "ServiceError", "Stack", "local_stack"]
