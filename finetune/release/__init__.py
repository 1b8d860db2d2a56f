"""From a run to a served model: merge, compare, evaluate, gate, register, export, serve."""
