"""The sandbox: boxes, daemon, sinkhole, decoys."""
