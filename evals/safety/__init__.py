"""Safety: planted instructions, unsafe requests, personal data; `evals/suites/safety.py` has the suites."""
