"""The line of ``files doctor`` about previews."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from files_service.cli.media_checks import check_media
from files_service.services.media.extractor import Extraction
from tests.cores import settings_for


def test_the_subprocess_is_tried_and_what_keeps_it_from_the_network_is_said(tmp_path: Path) -> None:
    found = check_media(settings_for(tmp_path, FILES_MEDIA="true"))
    assert found.ok
    assert "without any network" in found.text or "can open no socket" in found.text


def test_previews_that_are_off_or_not_installed_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(tmp_path)
    off = check_media(settings)
    assert off.ok
    assert "FILES_MEDIA" in off.text
    monkeypatch.setattr("files_service.cli.media_checks.is_installed", lambda: False)
    missing = check_media(replace(settings, media=True))
    assert missing.ok
    assert ".[media]" in missing.text


def test_a_subprocess_that_fails_is_a_fault_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Extraction(fault="the subprocess ended early")
    monkeypatch.setattr("files_service.cli.media_checks.extract", lambda *_: broken)
    found = check_media(settings_for(tmp_path, FILES_MEDIA="true"))
    assert not found.ok
    assert "ended early" in found.text
