import ctypes
import platform
import subprocess
import sys

import pytest

from velox.allocator import keep_large_buffers

COUNT = """
import resource, threading
from velox.allocator import keep_large_buffers

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    for _ in range(20):
        bytearray(64 * 2**20)

def measured():
    use()
    before = faults()
    use()
    print(faults() - before)

keep_large_buffers() if {kept} else None
thread = threading.Thread(target=measured)
thread.start()
thread.join()
"""


def page_faults(*, kept: bool) -> int:
    """Page faults of 20 buffers of 64 MiB, used one after the other in a thread."""
    program = COUNT.format(kept=kept)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_large_buffers_are_used_again() -> None:
    assert page_faults(kept=True) < page_faults(kept=False) / 10


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert keep_large_buffers() is False
