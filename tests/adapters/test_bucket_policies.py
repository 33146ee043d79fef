"""Policies of a bucket, as the setup names them."""

from __future__ import annotations

import pytest

from storage_adapters import JSON
from storage_adapters.notifications.pubsub.provisioning import policies_of


@pytest.mark.parametrize(
    ("bucket", "named"),
    [
        ({}, []),
        ({"softDeletePolicy": {"retentionDurationSeconds": "0"}, "versioning": {"enabled": False}}, []),
        (
            {"softDeletePolicy": {"retentionDurationSeconds": "604800"}},
            ["soft delete keeps deleted bytes for 7 days"],
        ),
        ({"versioning": {"enabled": True}}, ["versioning keeps deleted bytes"]),
        ({"retentionPolicy": {"retentionPeriod": "3600"}}, ["retention refuses deletions for 3600 s"]),
        ({"iamConfiguration": {"publicAccessPrevention": "inherited"}}, []),
        ({"iamConfiguration": {"publicAccessPrevention": "enforced"}}, ["public access is prevented"]),
    ],
)
def test_a_policy_that_applies_is_named(bucket: JSON, named: list[str]) -> None:
    assert policies_of(bucket) == named
