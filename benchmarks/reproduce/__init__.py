"""Published studies, run again from their job documents; `python -m benchmarks.reproduce` writes docs/reproductions.md."""
