"""`python -m proxy` is `pratique`, for where the script is not on the path."""

from proxy.cli.main import run

if __name__ == "__main__":
    run()
