"""What the programs for the Python module share."""

import os
from pathlib import Path

EXPORT = Path(os.environ["EXPORT"])
URL = f"nfs://127.0.0.1{EXPORT}"


def check_library():
    """The library that this process has mapped is the one under test."""
    expected = os.path.realpath(os.environ["LIBNFS"])
    with open("/proc/self/maps") as maps:
        mapped = {line.split()[-1] for line in maps if "libnfs.so" in line}
    assert mapped == {expected}, f"{mapped} is loaded, not {expected}"
