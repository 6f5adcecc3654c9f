"""The data engine: DuckDB behind a small protocol, so that the SQL of linking is portable."""
