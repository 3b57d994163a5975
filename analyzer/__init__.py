"""What an artifact is and what it does: the worker, its boxes, the trace, and what they mean."""
