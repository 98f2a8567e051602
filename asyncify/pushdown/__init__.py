"""Push-down: pages that Python cuts out of all rows are cut by the database.

The sync text is rewritten first, and then migrated as any other: what stands here knows nothing of
``await``. It reads the few functions that matter as syntax trees, asks the analysis what their
names mean, and leaves alone, with a reason, whatever has no equal form.
"""
