"""CouchDB alone keeps the records and the uploads: a tus upload in pieces becomes a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.services.opening import open_core
from tests.cores import settings_for
from tests.gateway.serving import serving
from tests.gateway.tus import CONTENT, content_of, made, offset_of, patch

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)


def test_a_tus_upload_becomes_a_processed_file(couchdb_url: str, tmp_path: Path) -> None:
    with serving(open_core(settings_for(tmp_path, FILES_METADATA_URL=couchdb_url))) as served:
        url = made(served)
        half = len(CONTENT) // 2
        assert patch(served, url, 0, CONTENT[:half]).status == 204
        assert offset_of(served, url) == half
        assert patch(served, url, half, CONTENT[half:]).status == 204
        assert content_of(served, url) == CONTENT
