"""The gateway of the matrix: one per module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.gateway.serving import serving
from tests.people.matrix.harness import Matrix
from tests.people.persons import open_people


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with serving(
        open_people(tmp_path_factory.mktemp("matrix"), registration="closed", notice_services=("tgram",))
    ) as served:
        made = Matrix(served)
        with closing(made.connection):
            yield made
