"""`python -m benchmarks.regret [--print | --measure | --fresh | --wider | --unseen | --checked | --races | --seeds | --fit | --figures]`: see the package."""

from __future__ import annotations

import argparse

from benchmarks.regret import checked, further_seeds, race_runs, race_store, store, tasks


def main() -> None:
    """Print, measure, fit or draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regret", description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the report, write no page")
    parser.add_argument("--measure", action="store_true", help="train everything anew (about an hour on two cores)")
    parser.add_argument("--fresh", action="store_true", help="train the fresh tasks anew (20 minutes on two cores)")
    parser.add_argument("--wider", action="store_true", help="train the harder tasks anew (4 minutes on two cores)")
    parser.add_argument("--unseen", action="store_true", help="train the unseen tasks anew (5 minutes on two cores)")
    parser.add_argument("--checked", action="store_true", help="train the checked range tests anew (10 minutes)")
    parser.add_argument(
        "--races", action="store_true", help="train the races anew (20 minutes for the first set on two busy cores)"
    )
    parser.add_argument(
        "--seeds", action="store_true", help="train the further seeds anew (half an hour for the first set, likewise)"
    )
    parser.add_argument("--fit", action="store_true", help="print the numbers of lrsearch/suggestions/consensus.py")
    parser.add_argument("--figures", action="store_true", help="draw docs/images/advice_*.png")
    parser.add_argument(
        "only", nargs="*", help="with --measure, --races, --seeds: tasks with one of these texts in their names"
    )
    chosen = parser.parse_args()
    if chosen.measure:
        _measure(chosen.only)
    elif chosen.fresh:
        from benchmarks.regret import measure

        measure.measure_all_fresh()
        store.pack_fresh()
    elif chosen.wider or chosen.unseen or chosen.checked:
        _measure_more(is_wider=chosen.wider, is_unseen=chosen.unseen, is_checked=chosen.checked)
    elif chosen.races:
        race_runs.measure_all(chosen.only)
        race_store.pack()
    elif chosen.seeds:
        further_seeds.measure_all(chosen.only)
        further_seeds.pack()
    elif chosen.fit:
        _fit()
    elif chosen.figures:
        from benchmarks.regret.pictures import draw_all

        draw_all(store.load())
    else:
        _report(writes=not chosen.print)


def _measure(only: list[str]) -> None:
    from benchmarks.regret import measure

    measure.measure_all(measure.named(tasks.tasks(), only))
    measure.measure_all_verdicts()
    measure.measure_all_cycles()
    measure.measure_all_raised()
    store.pack()


def _measure_more(*, is_wider: bool, is_unseen: bool, is_checked: bool) -> None:
    from benchmarks.regret import measure

    if is_wider:
        measure.measure_all_wider()
        store.pack_wider()
    if is_unseen:
        measure.measure_all_unseen()
        store.pack_unseen()
    if is_checked:
        checked.measure_all()
        store.pack_checked()


def _report(*, writes: bool) -> None:
    from benchmarks.regret import page
    from benchmarks.regret.report import Report

    blocks = Report(store.load(), store.load_later()).blocks()
    for name, block in blocks.items():
        print(f"## {name}\n\n{block}", end="\n\n")
    if writes:
        from benchmarks.regret.pictures import draw_all

        nowhere = page.write(blocks)
        draw_all(store.load())
        print(f"Written: {', '.join(one.name for one in page.PAGES)}, docs/images/advice_*.png.")
        if nowhere:
            print(f"On no page: {', '.join(nowhere)}.")


def _fit() -> None:
    from benchmarks.regret.fit import Fit

    tasks = store.load()
    fit, everything = Fit(tasks), range(len(tasks))
    share, start = fit.constants(everything)
    print(f"share: float = {share}\nstart: float = {start}")
    print(
        f"not used, since it improves nothing: shifts by optimizer, decades: {fit.shifts((share, start), everything)}"
    )


if __name__ == "__main__":
    main()
