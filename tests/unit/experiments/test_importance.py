import subprocess
import sys

LOADED = """
import sys
from lrsearch.experiments.search import importance
assert "scipy.stats" not in sys.modules and "sklearn.ensemble" not in sys.modules
importance.load_ahead()
assert "scipy.stats" in sys.modules and "sklearn.ensemble" in sys.modules
"""


def test_what_a_conclusion_needs_can_be_loaded_ahead_and_is_not_loaded_before() -> None:
    subprocess.run([sys.executable, "-c", LOADED], check=True)
