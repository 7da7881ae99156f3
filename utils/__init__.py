"""Names, files, seeds, late imports, threads and plots: small, and free of the field."""
