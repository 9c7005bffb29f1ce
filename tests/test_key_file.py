"""Who may read a file of keys: its owner, and of what root gives a group its members."""

from __future__ import annotations

import os
import stat

import pytest

from finrisk.key_file import others_may_use

ROOT, US, ANOTHER = 0, 10001, 1000


def file_of(owner: int, mode: int) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, US, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "owner", "euid", "others"),
    [
        (0o600, US, US, False),
        (0o400, US, US, False),
        (0o640, US, US, True),
        (0o440, US, US, True),
        (0o604, US, US, True),
        (0o660, US, US, True),
        (0o440, ROOT, US, False),  # a Secret, as Kubernetes mounts it
        (0o640, ROOT, US, False),
        (0o460, ROOT, US, True),
        (0o450, ROOT, US, True),
        (0o444, ROOT, US, True),
        (0o442, ROOT, US, True),
        (0o600, ROOT, ROOT, False),
        (0o440, ROOT, ROOT, True),
        (0o440, ANOTHER, US, True),  # who owns it is neither we nor root
        (0o440, US, ROOT, True),
    ],
)
def test_a_file_of_ours_is_ours_alone_and_of_roots_a_group_may_read(
    mode: int, owner: int, euid: int, others: bool
) -> None:
    assert others_may_use(file_of(owner, mode), euid) is others
