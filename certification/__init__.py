"""What an account at the vendor really does, found out by experiments: `revio certify`."""
