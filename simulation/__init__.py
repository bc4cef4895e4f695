"""The limiter and the worker's waiting in virtual time, against a modelled vendor."""
