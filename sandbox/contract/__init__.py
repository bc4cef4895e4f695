"""What goes over the wire: WSDL, shapes, envelopes."""
