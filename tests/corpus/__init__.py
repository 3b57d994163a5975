"""The corpus: inert re-enactments of attack techniques, each beside a benign twin (README.md)."""
