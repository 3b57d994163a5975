"""What research needs of our traces: the layouts of published datasets, read and written."""
