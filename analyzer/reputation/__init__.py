"""What is known of a project by its history and its owners: pure, with the index's words as input."""
