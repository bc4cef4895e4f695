"""The vendor's answers as values of the contract."""
