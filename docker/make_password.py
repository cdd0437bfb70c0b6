"""First start: makes the database password in a volume, so that nobody has to choose one and none has a default.

Run as `python make_password.py FILE`. A file that is there already is left as it is: the database has that password.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

MODE = 0o440
"""Owner and group read it; the postgres container gets the group, everybody else has no business there."""


def make(path: Path) -> bool:
    """Write a random password of 256 bits to `path` unless the file exists; whether it was written.

    The file appears whole or not at all: a start that is killed leaves no half password behind.
    """
    if path.exists():
        return False
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, fails when a second first start was faster: both must see one password.
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def main() -> int:
    """Make the password named on the command line; 2 with one sentence when that cannot be done."""
    if len(sys.argv) != 2:
        print("Usage: make_password.py FILE", file=sys.stderr)
        return 2
    path = Path(sys.argv[1])
    try:
        is_new = make(path)
    except OSError as error:
        print(f"The database password cannot be written to {path} ({error.strerror}).", file=sys.stderr)
        return 2
    print(f"Database password {'made' if is_new else 'kept'} in {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
