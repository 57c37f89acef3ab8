import ctypes
import os
import platform
import subprocess
import sys

import pytest

from velox.base.machine import keep_large_buffers, release_free_memory

COUNT = """
import resource, threading
from velox.base.machine import keep_large_buffers

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    for _ in range(5):
        [bytearray(24 * 2**20) for _ in range(4)]

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
    """Page faults of 5 times 4 buffers of 24 MiB in a thread."""
    return printed(COUNT.format(kept=kept))[0]


RELEASE = """
from velox.base.machine import keep_large_buffers, release_free_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 // 2**20

keep_large_buffers()
before = resident()
# Nothing is made in between: only the end of the heap can be returned.
block = bytearray(b"x") * (100 * 2**20)
del block
kept = resident() - before
release_free_memory()
print(kept, before + kept - resident())
"""


def printed(program: str, **environment: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return [int(each) for each in done.stdout.split()]


needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


@needs_glibc
def test_what_is_free_is_kept_until_it_is_released() -> None:
    kept, released = printed(RELEASE)
    assert kept > 90
    assert released > 80


@needs_glibc
def test_what_the_environment_sets_stays() -> None:
    kept, _ = printed(RELEASE, MALLOC_TRIM_THRESHOLD_="4096", MALLOC_TOP_PAD_="0")
    assert kept < 20


@needs_glibc
def test_large_buffers_are_used_again() -> None:
    assert page_faults(kept=True) < page_faults(kept=False) / 10


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert keep_large_buffers() is False
    assert release_free_memory() is False
