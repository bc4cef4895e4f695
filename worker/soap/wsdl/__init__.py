"""The vendor's WSDL: loaded, understood, described."""
