"""Long proofs: too slow for every test run, resumable, with their record in docs/proofs/."""
