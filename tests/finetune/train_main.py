"""Runs a recipe from the command line's own code, for tests that start processes."""

import sys

from server.cli.app import app

if __name__ == "__main__":
    app(["finetune", "train", *sys.argv[1:]])
