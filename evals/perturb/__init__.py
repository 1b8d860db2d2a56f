"""Changes of questions, people and images that keep, or turn, what is asked. Pure and seeded."""
