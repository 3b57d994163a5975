"""The eBPF program, its loader, and the typed events that come out of it."""
