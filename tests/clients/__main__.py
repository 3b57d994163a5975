"""`python -m tests.clients --write` tries every cell and renews docs/clients.json; needs root."""

from __future__ import annotations

import sys

from tests.clients.cells import cell_ids, write_record
from tests.clients.running import all_tried
from tests.clients.tools import write_locks

USAGE = "usage: python -m tests.clients --write | --locks\n"


def main(arguments: list[str]) -> int:
    """Exit code."""
    match arguments:
        case ["--write"]:
            return write()
        case ["--locks"]:
            write_locks()
        case _:
            sys.stderr.write(USAGE)
            return 64
    return 0


def write() -> int:
    """Try all, and write what happened. 1 where a cell could not be tried; nothing is written then."""
    with all_tried(cell_ids()) as futures:
        cells = {}
        for (tool, case), future in futures.items():
            error = future.exception()
            said = str(error) or repr(error) if error else future.result().verdict
            if error is None:
                cells[tool, case] = future.result()
            sys.stdout.write(f"{tool}, {case}: {said}\n")
            sys.stdout.flush()
    if len(cells) < len(futures):
        return 1
    write_record({cell: cells[cell] for cell in cell_ids()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
