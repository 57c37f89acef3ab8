from __future__ import annotations

import os

from velox.base.names import label_named


def test_a_label_is_valid_text_in_one_form_whatever_the_folder_is_called() -> None:
    decomposed, latin = "cafe\u0301", os.fsdecode(b"caf\xe9")
    assert label_named(decomposed) == label_named("caf\u00e9") == "caf\u00e9"
    assert label_named(latin) == "caf\\xe9"
    assert label_named(latin).encode()
