"""Pages for people who look after the firewall: what is held and why, and what was decided by whom."""
