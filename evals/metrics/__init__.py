"""What an answer is worth: pure functions, numbers in and out, no model. `registry.py` lists them by name.

A metric of one sample takes (prediction, gold) and returns a number, or None where it is undefined (recall
of nothing relevant); a metric of a corpus takes a list of each. An empty prediction is a wrong answer, never
an error. A NaN is refused with a ValueError, so that it cannot end up in an average.
"""
