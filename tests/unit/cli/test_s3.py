"""``files s3 setup`` and what ``files doctor`` says of the same things, against a real SeaweedFS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from files_service.cli import cli
from tests.cores import SECRETS
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS

BUCKET = "files-setup"


@pytest.fixture
def environ(seaweedfs: SeaweedFS, tmp_path: Path) -> dict[str, str]:
    return {
        "FILES_DATA_DIR": str(tmp_path),
        "AMQP_URI": "",
        "FILES_BLOBS_URL": f"s3://{BUCKET}/media?endpoint={seaweedfs.endpoint}",
        "FILES_S3_ACCESS_KEY_ID": ACCESS_KEY,
        "FILES_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        **SECRETS,
    }


def setup(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(cli, ["s3", "setup", *arguments])


def signs(result: Result) -> dict[str, str]:
    """The sign in front of each step's name."""
    return {line[2:].partition(":")[0]: line[0] for line in result.output.splitlines()}


def doctor(environ: dict[str, str], part: str = "webhook") -> Any:
    output = CliRunner(env=environ).invoke(cli, ["doctor", "--json"]).output
    [finding] = [each for line in output.splitlines() if (each := json.loads(line))["part"] == part]
    return finding


def test_a_bucket_is_made_and_set_up_once(environ: dict[str, str], seaweedfs: SeaweedFS) -> None:
    client = seaweedfs.client()
    assert signs(setup(environ, "--dry-run")) == {"bucket": "…"}
    assert "missing or different: bucket" in doctor(environ)["text"]
    first = setup(environ, "--origin", "https://app.example")
    assert first.exit_code == 0, first.output
    made = {"bucket": "+", "bucket CORS": "+", "bucket lifecycle": "+", "versions": "✓", "conditional writes": "✓"}
    assert signs(first) == made
    again = setup(environ, "--origin", "https://app.example")
    assert set(signs(again).values()) == {"✓"}
    assert doctor(environ)["ok"]
    [rule] = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}

    # What is not ours stays, and another origin is added to ours.
    setup(environ, "--origin", "https://other.example", "--origin", "https://app.example")
    [cors] = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert set(cors["AllowedOrigins"]) == {"https://app.example", "https://other.example"}
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def test_a_setup_without_origins_keeps_those_that_are_there(environ: dict[str, str], seaweedfs: SeaweedFS) -> None:
    client = seaweedfs.client()
    setup(environ, "--origin", "https://app.example")
    assert set(signs(setup(environ)).values()) == {"✓"}
    [cors] = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert cors["AllowedOrigins"] == ["https://app.example"]
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [("https://files.example/some/path", "https://files.example"), ("", "*"), ("http://localhost:8080", "*")],
)
def test_a_bucket_without_a_rule_admits_the_pages_of_the_service(
    environ: dict[str, str], seaweedfs: SeaweedFS, public_url: str, origin: str
) -> None:
    client = seaweedfs.client()
    assert signs(setup({**environ, "FILES_PUBLIC_URL": public_url}))["bucket CORS"] == "+"
    [cors] = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert cors["AllowedOrigins"] == [origin]
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def test_it_needs_an_s3_bucket_and_its_server(environ: dict[str, str]) -> None:
    assert "not an S3 bucket" in setup({**environ, "FILES_BLOBS_URL": ""}).output
    refused = setup({**environ, "FILES_S3_SECRET_ACCESS_KEY": "wrong"})
    assert (refused.exit_code, signs(refused)) == (1, {"bucket": "✗"})
    assert "wrong" not in refused.output
