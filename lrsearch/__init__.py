"""lrsearch answers "which learning rate, which schedule, which optimizer?" with evidence."""

__version__ = "0.1.0"
