"""The HTTP side: listener, application, control endpoints, journal."""
