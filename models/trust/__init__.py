"""From evidence and facts to a trust score: layers, scorers, explanation."""
