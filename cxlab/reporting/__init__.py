"""Notebooks as reports: parameters checked first, run in parallel, published as quiet HTML pages."""
