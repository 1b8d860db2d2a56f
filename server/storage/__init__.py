"""Where the server keeps runs, threads and events: one SQLite file, embedded."""
