"""Does it pay to choose problems, where, and by which way: rollouts until the held-out probability has risen by .05 and .10.

    python -m benchmarks.choosing_study [--quick] [--learning-rate 1e-4] [--pools 0.15 0.05 0.4] [--arms uniform oracle] [--seeds 4] [--report]

Real GRPO on a model that solves two digits with .15 and three with .01; the pool holds few problems with two. Each finished run is a line of
FOLDER/runs.jsonl under the hashes of its setup and its arm, and the same command goes on from there; arms and seeds may be added later.
`--forecast` keeps what `curate analyze value` would say of the pools, and later reports set the runs beside it.
What was decided before the first run, and what came out of it, is in docs/log.md.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.engines.models import registry
from benchmarks._books import read_book
from benchmarks._choosing_curves import report
from benchmarks._choosing_pool import FAMILIES
from benchmarks._choosing_run import Arm, Setup, run
from benchmarks._choosing_told import compare_runs, forecast_pool
from benchmarks.claims import RESULTS, hardware

WEAKENED = (
    Path(__file__).parent / "models" / "weakened"
)  # 16-bit weights: training does not come out the same on another day
RAW = ", raw pool"  # behind the names of arms that trained on a messy pool as it came

ARMS: dict[str, Arm] = {
    "uniform": Arm(settings={"passes": 3}),
    "oracle": Arm(settings={"passes": 3}, alive_only=True),
    "bins": Arm("bins", {"by": ["level"]}),
    "bins, levels shuffled": Arm("bins", {"by": ["shuffled_level"]}),
    "pilot_groups": Arm("pilot_groups"),
    "pilot_groups, fresh": Arm("pilot_groups", {"fresh": True}),
    "posterior without scores": Arm("posterior", {"prior": [0.2, 2.0]}),
    "predicted": Arm("predicted"),
    "bandit": Arm("bandit", {"by": "level"}),
    "retire": Arm("retire"),
    "skip": Arm("skip"),
    "dynamic": Arm("dynamic"),
    "uniform, 8 groups": Arm(settings={"passes": 3}, groups=8, learning_rate=3.5e-5),  # rate by the root of the batch
    "uniform, 32 groups": Arm(settings={"passes": 3}, groups=32, learning_rate=7e-5),
    "enough": Arm(settings={"passes": 50}, enough=400),
    "frontier, 4 attempts each": Arm(settings={"passes": 50}, scored=4, scored_problems=4200, kept=600),
    "informative, 4 attempts each": Arm(settings={"passes": 50}, scored=4, scored_problems=4200),
}


def main() -> None:
    """Runs what is left of the study, prints its tables and writes them."""
    given = arguments()
    if given.quick:
        run_quickly(given)
        return
    given.work.mkdir(parents=True, exist_ok=True)
    book = restored(given.work / "runs.jsonl")
    setups = {share: setup_of(given, share) for share in given.pools}
    # Which problems can be learnt is the same in every pool, and so are the oracle's runs.
    oracle = replace(setup_of(given, 1.0), mess="")
    if given.hashes:
        keys = {name: arm.key for name, arm in ARMS.items()} | {f"pool {s}": x.key for s, x in setups.items()}
        print(json.dumps(keys, indent=1))
        return
    if given.forecast is not None:
        forecast(given.work / "forecasts.jsonl", list(setups.values()), given.forecast)
        return
    if not given.report:
        for seed in range(given.first_seed, given.seeds):
            for setup in setups.values():
                for name in given.arms:
                    run_once(book, name, seed, oracle if ARMS[name].alive_only else setup)
    kind = "".join(f" {word}" for word in (given.family, given.mess) if word not in ("sums", ""))
    found = {f"{share:g}{kind}": runs_of(read_book(book), setup, oracle) for share, setup in setups.items()}
    tables = {name: report(rows) for name, rows in found.items()}
    print("\n\n".join(f"alive share {name}\n\n{table['text']}" for name, table in tables.items()))
    told = read_book(given.work / "forecasts.jsonl")
    compared = compare_runs(told, read_book(book))
    print_compared(compared)
    if given.write:
        write_results(tables, found, told, compared)


def run_quickly(given: argparse.Namespace) -> None:
    """Two short runs in a folder of their own, which are told and thrown away."""
    setup = replace(setup_of(given, given.pools[0]), budget=2_000)
    with tempfile.TemporaryDirectory(prefix="choosing-") as folder:
        book = Path(folder) / "runs.jsonl"
        for name in ("uniform", "bins"):
            run_once(book, name, 0, setup)


def runs_of(rows: list[dict[str, Any]], setup: Setup, oracle: Setup) -> list[dict[str, Any]]:
    """The runs of a pool and the oracle's; beside those of a cleaned pool the runs of the same pool as it came, by names of their own."""
    found = [row for row in rows if row["setup"] in (setup.key, oracle.key)]
    if setup.mess == "clean":
        raw = replace(setup, mess="raw").key
        found += [{**row, "arm": row["arm"] + RAW} for row in rows if row["setup"] == raw]
    return found


def write_results(
    tables: dict[str, Any], found: dict[str, Any], told: list[dict[str, Any]], compared: list[dict[str, Any]]
) -> None:
    """Write the tables and runs; those of other pools stay."""
    place = RESULTS / "choosing_study.json"
    before = json.loads(place.read_text()) if place.is_file() else {}
    text = {
        "hardware": hardware(),
        "tables": before.get("tables", {}) | tables,
        "forecasts": told,
        "compared": compared,
        "runs": before.get("runs", {}) | found,
    }
    RESULTS.mkdir(exist_ok=True)
    place.write_text(json.dumps(text, indent=1) + "\n")


def restored(book: Path) -> Path:
    """The book of finished runs; where there is none yet, with the runs that were published."""
    published = RESULTS / "choosing_study.json"
    if not book.is_file() and published.is_file():
        found = json.loads(published.read_text())["runs"].values()
        named = ({**row, "arm": row["arm"].removesuffix(RAW)} for runs in found for row in runs)
        rows = {json.dumps(row): None for row in named}  # the oracle's stand under every pool
        book.write_text("".join(line + "\n" for line in rows))
    return book


def run_once(book: Path, name: str, seed: int, setup: Setup) -> None:
    """One run, unless the book holds it."""
    arm = ARMS[name]
    key = {"arm": name, "arm_key": arm.key, "setup": setup.key, "pool": setup.alive_share, "seed": seed}
    if any(all(row.get(field) == value for field, value in key.items()) for row in read_book(book)):
        return
    row = {**key, **run(arm, seed, setup)}
    with book.open("a") as file:
        file.write(json.dumps(row) + "\n")
    last = row["points"][-1]
    print(
        f"{setup.alive_share:g} {name} seed {seed}: {row['points'][0]['held_out']:.3f} to {last['held_out']:.3f} after {last['rollouts']} rollouts, "
        f"{row['alive_fraction']:.0%} alive, {row['mixed']} of {row['groups']} mixed, {row['cpu_seconds']:.0f} CPU s, "
        f"{row['wall_seconds']:.0f} s",
        flush=True,
    )


def forecast(place: Path, setups: list[Setup], drift: float) -> None:
    """Forecast the pools that have no forecast at this drift yet, each a line under its hash."""
    done = {(row["setup"], row["drift"]) for row in read_book(place)}
    for setup in setups:
        if (setup.key, drift) not in done:
            row = forecast_pool(setup, drift)
            with place.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{setup.alive_share:g} drift {drift:g}: {row['hash']}", flush=True)


def print_compared(rows: list[dict[str, Any]]) -> None:
    """Print how the runs compare with the forecasts that were made of them."""
    for row in rows:
        low, middle, high = row["told"]
        inside = "inside" if row["inside"] else "outside"
        print(
            f"{row['pool']:g} {row['arm']} seed {row['seed']} {row['part']}: {row['run']:.1f} tokens per mixed group, "
            f"told {middle:.1f} [{low:.1f}, {high:.1f}] at drift {row['drift']:g}, {inside}"
        )


def setup_of(given: argparse.Namespace, share: float) -> Setup:
    """The setup of one pool."""
    revision = registry.identify_policy(given.model).revision
    rate, budget = given.learning_rate, given.budget
    return Setup(given.model, revision, share, budget, learning_rate=rate, family=given.family, mess=given.mess)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(WEAKENED), help="folder of the weakened model")
    parser.add_argument(
        "--learning-rate", type=float, default=Setup.learning_rate, help="of all arms that have none of their own"
    )
    parser.add_argument("--budget", type=int, default=Setup.budget, help="rollouts of a run, all charged")
    parser.add_argument("--work", type=Path, default=Path(".assay/choosing_study"), help="folder of finished runs")
    parser.add_argument(
        "--pools", nargs="+", type=float, default=[0.15, 0.05, 0.4], help="shares of the pool that can be learnt"
    )
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=["uniform", "oracle"])
    parser.add_argument("--seeds", type=int, default=4, help="seeds 0 to this number, less one")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--forecast", type=float, metavar="DRIFT", help="forecast the pools from a pilot, before they run; run nothing"
    )
    parser.add_argument("--family", choices=tuple(FAMILIES), default="sums", help="of what can be learnt")
    parser.add_argument(
        "--mess",
        choices=("", "raw", "clean"),
        default="",
        help="wrong labels, repeats and unreadable golds in the pool: raw as it comes, clean as the filters leave it",
    )
    parser.add_argument("--report", action="store_true", help="run nothing: tell of the finished runs")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/choosing_study.json")
    parser.add_argument("--quick", action="store_true", help="2 arms of 2,000 rollouts: does it run; nothing is kept")
    parser.add_argument("--hashes", action="store_true", help="print the hashes of arms and pools, and run nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
