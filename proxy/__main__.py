"""`python -m proxy` is `pratique`, for where the script is not on the path."""

from proxy.cli.main import main

if __name__ == "__main__":
    main(prog_name="pratique")
