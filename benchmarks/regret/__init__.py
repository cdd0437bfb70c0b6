"""The regret benchmark: how much worse is training at the suggested rate than at the best one.

`python -m benchmarks.regret` prints the report from the stored measurements and writes its tables, sentences and figures
into docs/advice.md and README.md; `--print` only prints. `--measure` and `--fresh` make the measurements anew, `--fit`
prints the numbers that stand in `lrsearch/suggestions/consensus.py`, `--figures` draws only.
"""
