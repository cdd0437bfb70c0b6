"""The regret benchmark: how much worse is training at the suggested rate than at the best one.

`python -m benchmarks.regret` prints the report from the stored measurements, `--measure` makes them anew, `--fit` prints
the numbers that stand in `lrsearch/suggestions/consensus.py`, `--figures` draws those of docs/advice.md.
"""
