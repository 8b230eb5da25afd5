"""Runs the examples of the module's own README, as they are but for Python 3's print() and the export's path."""

import contextlib
import io
import re
import sys

from common import EXPORT, URL, check_library


def examples(readme):
    """The indented or flush lines after each heading "Example:", up to the next empty line."""
    return re.findall(r"^Example:\n-+\n(.+?)\n\n", readme, re.MULTILINE | re.DOTALL)


def main():
    with open(sys.argv[1]) as file:
        found = examples(file.read())
    assert len(found) == 2, f"the README has {len(found)} examples"
    for example in found:
        code = re.sub(r"^print (.*)$", r"print(\1)", example, flags=re.MULTILINE)
        assert "nfs://127.0.0.1/data/tmp/" in code, code
        code = code.replace("nfs://127.0.0.1/data/tmp", URL)
        file = EXPORT / "foo-test"
        assert not file.exists()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README", "exec"), {"__name__": "__main__"})
        assert printed.getvalue() == "Test string\n", printed.getvalue()
        assert file.read_bytes() == b"Test string"
        # Through NFS, so that the server knows.
        import libnfs

        assert libnfs.NFS(URL).unlink("/foo-test") == 0
    check_library()


main()
