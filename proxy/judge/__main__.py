"""`python -m proxy.judge --socket PATH`."""

from __future__ import annotations

import sys

from proxy.judge.process import main

sys.exit(main(sys.argv[1:]))
