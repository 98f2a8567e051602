"""Programs before and after their migration, run on a real database and compared."""
