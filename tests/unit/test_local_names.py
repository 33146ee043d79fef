"""Names of local files: what they tell of the type, and how they become text."""

from __future__ import annotations

import os

import pytest

from files_service.domain.local_names import readable_name, type_of_name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image/jpeg"),
        ("A.PDF", "application/pdf"),
        ("backup.tar.gz", "application/gzip"),
        ("backup.tgz", "application/gzip"),
        ("drawing.svgz", "application/gzip"),
        ("log.bz2", "application/x-bzip2"),
        ("log.xz", "application/x-xz"),
        ("log.Z", "application/octet-stream"),
        ("clip.ts", "application/octet-stream"),
        ("00001.MTS", "application/octet-stream"),
        ("README", "application/octet-stream"),
    ],
)
def test_a_name_tells_the_type_of_the_bytes(name: str, kind: str) -> None:
    assert type_of_name(name) == kind


def test_a_name_of_any_bytes_becomes_text() -> None:
    assert readable_name(os.fsdecode(b"caf\xe9.txt")) == "caf\ufffd.txt"
    assert readable_name("日本.txt") == "日本.txt"
