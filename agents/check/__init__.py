"""The checks behind `agents.checks`, one idea a file. All are pure and need no model."""
