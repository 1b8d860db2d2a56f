"""How good it is: measures shared by the benchmarks."""
