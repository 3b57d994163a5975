"""Boxes, decoys, the sinkhole and the daemon that makes them; standard library only."""
