"""Real installers, in the newest and an older version each, against a real firewall."""
