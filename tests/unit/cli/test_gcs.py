"""``files gcs setup`` and what ``files doctor`` says of the same things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from files_service.cli import cli
from storage_adapters.notifications.pubsub import rest
from tests.cores import SECRETS
from tests.fakes.gcs.errors import bad_request
from tests.fakes.pubsub.admin import PUBSUB_AGENT, STORAGE_AGENT, FakeCloud

EMAIL = "pusher@demo.iam.gserviceaccount.com"
TOKEN = "webhook-token-for-tests-0123456789abcdef"
TOPIC = "projects/demo/topics/files"
PUSH = "projects/demo/subscriptions/files-push"
PULL = "projects/demo/subscriptions/files-pull"
DEAD = "projects/demo/topics/files-dead"


@pytest.fixture
def environ(cloud: FakeCloud, tmp_path: Path) -> dict[str, str]:
    return {
        "FILES_DATA_DIR": str(tmp_path),
        "AMQP_URI": "",
        "FILES_BLOBS_URL": "gs://files/some/prefix",
        "FILES_PUBLIC_URL": "https://files.example.org",
        "FILES_GCS_PROJECT": "demo",
        "FILES_WEBHOOK_EMAIL": EMAIL,
        "FILES_NOTIFICATIONS_URL": "pubsub://demo/files-pull",
        "STORAGE_EMULATOR_HOST": cloud.url,
        "PUBSUB_EMULATOR_HOST": cloud.url.removeprefix("http://"),
        **SECRETS,
    }


def setup(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=environ).invoke(cli, ["gcs", "setup", *arguments])


def signs(result: Result) -> dict[str, str]:
    """The sign in front of each step's name."""
    return {line[2:].partition(":")[0]: line[0] for line in result.output.splitlines()}


def doctor(environ: dict[str, str], part: str = "webhook") -> Any:
    output = CliRunner(env=environ).invoke(cli, ["doctor", "--json"]).output
    [finding] = [each for line in output.splitlines() if (each := json.loads(line))["part"] == part]
    return finding


def test_everything_is_made_and_a_second_time_nothing(environ: dict[str, str], cloud: FakeCloud) -> None:
    first = setup(environ)
    assert first.exit_code == 0, first.output
    assert set(signs(first).values()) == {"✓", "+"}
    writes = cloud.requests() - cloud.requests("GET")
    second = setup(environ)
    assert set(signs(second).values()) == {"✓"}
    assert cloud.requests() - cloud.requests("GET") == writes
    assert doctor(environ)["ok"]


def test_what_is_made_is_what_notifications_need(environ: dict[str, str], cloud: FakeCloud) -> None:
    setup(environ)
    bucket = cloud.objects.bucket("files")
    [config] = bucket.notification_configs.values()
    assert config["topic"] == f"//pubsub.googleapis.com/{TOPIC}"
    assert (config["event_types"], config["object_name_prefix"]) == (["OBJECT_FINALIZE"], "some/prefix/")
    assert config["payload_format"] == "JSON_API_V1"
    assert [rule["condition"]["matchesPrefix"] for rule in bucket.lifecycle["rule"]] == [["some/prefix/tmp/"]] * 2
    assert "PUT" in bucket.cors[0]["method"]
    push = cloud.pubsub.subscriptions[PUSH].config
    assert push["pushConfig"] == {
        "pushEndpoint": "https://files.example.org/webhooks/gcs/pubsub",
        "oidcToken": {
            "serviceAccountEmail": EMAIL,
            "audience": "https://files.example.org/webhooks/gcs/pubsub",
        },
    }
    assert push["deadLetterPolicy"]["deadLetterTopic"] == DEAD
    assert push["retryPolicy"] == {"minimumBackoff": "1s", "maximumBackoff": "300s"}
    assert "pushConfig" not in cloud.pubsub.subscriptions[PULL].config
    assert cloud.pubsub.subscriptions["projects/demo/subscriptions/files-dead"].config["topic"] == DEAD
    publish = {"role": "roles/pubsub.publisher", "members": [f"serviceAccount:{STORAGE_AGENT}"]}
    assert cloud.pubsub.topics[TOPIC]["policy"]["bindings"] == [publish]
    forward = {"role": "roles/pubsub.publisher", "members": [PUBSUB_AGENT]}
    assert cloud.pubsub.topics[DEAD]["policy"]["bindings"] == [forward]
    take = {"role": "roles/pubsub.subscriber", "members": [PUBSUB_AGENT]}
    assert [cloud.policies[name]["bindings"] for name in (PUSH, PULL)] == [[take], [take]]


def test_a_dry_run_says_it_all_and_does_nothing(environ: dict[str, str], cloud: FakeCloud) -> None:
    result = setup(environ, "--dry-run")
    assert result.exit_code == 0
    found = signs(result)
    assert found.pop("bucket") == "✓"
    assert set(found.values()) == {"…"}
    assert cloud.requests() == cloud.requests("GET")
    finding = doctor(environ)
    assert not finding["ok"]
    assert finding["advice"] == "Run: files gcs setup"
    # But for the upload that is begun and cancelled, to see that the bucket takes one.
    begun = cloud.requests("POST", "/upload/") + cloud.requests("DELETE", "/upload/")
    assert cloud.requests() == cloud.requests("GET") + cloud.requests("HEAD") + begun


def test_what_others_configured_stays(environ: dict[str, str], cloud: FakeCloud) -> None:
    bucket = cloud.objects.bucket("files")
    cors = {"origin": ["https://others.example.org"], "method": ["GET"], "responseHeader": [], "maxAgeSeconds": 1}
    rule = {"action": {"type": "Delete"}, "condition": {"age": 365}}
    config = {"id": "1", "topic": "//pubsub.googleapis.com/projects/demo/topics/others", "payload_format": "NONE"}
    bucket.cors, bucket.lifecycle, bucket.notification_configs["1"] = [cors], {"rule": [rule]}, config
    cloud.pubsub.make_topic(TOPIC)
    reader = {"role": "roles/viewer", "members": ["user:ann@example.org"]}
    cloud.pubsub.topics[TOPIC]["policy"] = {"etag": "x", "bindings": [reader]}
    assert setup(environ).exit_code == 0
    assert bucket.cors[0] == cors
    assert bucket.lifecycle["rule"][0] == rule
    assert bucket.notification_configs["1"] == config
    policy = cloud.pubsub.topics[TOPIC]["policy"]
    assert (policy["etag"], policy["bindings"][0]) == ("x", reader)


def test_what_was_changed_is_put_right(environ: dict[str, str], cloud: FakeCloud) -> None:
    setup(environ)
    bucket = cloud.objects.bucket("files")
    subscription = cloud.pubsub.subscriptions[PUSH]
    subscription.config["ackDeadlineSeconds"] = 10
    subscription.config["pushConfig"] = {"pushEndpoint": "https://elsewhere.example.org"}
    # A subscription that nobody takes from for a month would be gone.
    cloud.pubsub.subscriptions[PULL].config["expirationPolicy"] = {"ttl": "2678400s"}
    [old] = bucket.notification_configs.values()
    old["payload_format"] = "NONE"
    bucket.lifecycle, bucket.cors = {}, []
    finding = doctor(environ)
    names = ("push subscription", "pull subscription", "notification", "lifecycle", "CORS")
    assert all(name in finding["text"] for name in names)
    result = setup(environ)
    assert "files-push: ackDeadlineSeconds, pushConfig" in result.output
    assert "files-pull: expirationPolicy" in result.output
    assert cloud.pubsub.subscriptions[PULL].config["expirationPolicy"] == {}
    assert subscription.config["ackDeadlineSeconds"] == 60
    [config] = bucket.notification_configs.values()
    assert config["payload_format"] == "JSON_API_V1"
    assert doctor(environ)["ok"]


def test_the_origins_of_pages_may_be_named(environ: dict[str, str], cloud: FakeCloud) -> None:
    setup(environ, "--origin", "https://app.example.org", "--origin", "http://localhost:3000")
    [rule] = cloud.objects.bucket("files").cors
    assert rule["origin"] == ["https://app.example.org", "http://localhost:3000"]
    assert doctor(environ)["ok"]
    # A rule that allows more is left as it is, one that allows less will not do.
    rule["method"] = ["*"]
    rule["origin"].append("https://others.example.org")
    assert signs(setup(environ, "--origin", "https://app.example.org"))["bucket CORS"] == "✓"
    rule["responseHeader"] = ["Content-Type"]
    assert "bucket CORS" in doctor(environ)["text"]


def test_a_setup_without_origins_keeps_those_that_are_there(environ: dict[str, str], cloud: FakeCloud) -> None:
    setup(environ, "--origin", "https://app.example.org")
    assert signs(setup(environ))["bucket CORS"] == "✓"
    [rule] = cloud.objects.bucket("files").cors
    # As an earlier version made it.
    rule["responseHeader"] = ["Content-Type"]
    assert signs(setup(environ))["bucket CORS"] == "+"
    [rule] = cloud.objects.bucket("files").cors
    assert rule["origin"] == ["https://app.example.org"]


@pytest.mark.parametrize(
    ("public_url", "origin"), [("https://files.example.org/some/path", "https://files.example.org"), ("", "*")]
)
def test_a_bucket_without_a_rule_admits_the_pages_of_the_service(
    environ: dict[str, str], cloud: FakeCloud, public_url: str, origin: str
) -> None:
    setup({**environ, "FILES_PUBLIC_URL": public_url})
    [rule] = cloud.objects.bucket("files").cors
    assert rule["origin"] == [origin]


def test_the_shared_token_stands_in_the_address_and_is_not_shown(environ: dict[str, str], cloud: FakeCloud) -> None:
    environ |= {"FILES_WEBHOOK_EMAIL": "", "FILES_WEBHOOK_TOKEN": TOKEN}
    result = setup(environ)
    config = cloud.pubsub.subscriptions[PUSH].config["pushConfig"]
    assert config == {"pushEndpoint": f"https://files.example.org/webhooks/gcs/pubsub?token={TOKEN}"}
    assert TOKEN not in result.output
    assert TOKEN not in str(doctor(environ))


def test_a_shared_token_of_any_characters_arrives_as_it_is_and_no_refusal_shows_it(
    environ: dict[str, str], cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = f"a&b=c+d%20{TOKEN}"
    environ |= {"FILES_WEBHOOK_EMAIL": "", "FILES_WEBHOOK_TOKEN": token}
    subscribe = cloud.pubsub.subscribe

    def refuse(name: str, config: dict[str, Any]) -> Any:
        # Pub/Sub repeats the address in what it says of it.
        if name == PUSH:
            raise bad_request(f"Invalid push endpoint given (endpoint={config['pushConfig']['pushEndpoint']}).")
        return subscribe(name, config)

    with monkeypatch.context() as patch:
        patch.setattr(cloud.pubsub, "subscribe", refuse)
        refused = setup(environ)
    assert "Invalid push endpoint" in refused.output
    assert TOKEN not in refused.output
    assert setup(environ).exit_code == 0
    query = urlsplit(cloud.pubsub.subscriptions[PUSH].config["pushConfig"]["pushEndpoint"]).query
    assert parse_qs(query) == {"token": [token]}


def test_only_what_is_asked_for_is_made(environ: dict[str, str], cloud: FakeCloud) -> None:
    setup({**environ, "FILES_WEBHOOK_EMAIL": "", "FILES_GCS_PROJECT": ""})
    assert set(cloud.pubsub.subscriptions) == {PULL, "projects/demo/subscriptions/files-dead"}


def test_a_step_that_fails_is_named_and_the_others_are_taken(environ: dict[str, str], cloud: FakeCloud) -> None:
    cloud.hidden.add(f"/v1/{TOPIC}:getIamPolicy")
    result = setup(environ)
    assert result.exit_code == 1
    assert "✗ permission of the bucket to publish: pubsub: Permission denied on resource. (403)" in result.output
    assert PUSH in cloud.pubsub.subscriptions
    finding = doctor(environ)
    assert not finding["ok"]
    assert "Permission denied" in finding["text"]


def test_a_subscription_of_another_topic_is_left_alone(environ: dict[str, str], cloud: FakeCloud) -> None:
    cloud.pubsub.make_topic("projects/demo/topics/others")
    cloud.pull_from("files-pull", topic="projects/demo/topics/others")
    result = setup(environ)
    assert result.exit_code == 1
    assert "choose another name" in result.output
    assert cloud.pubsub.subscriptions[PULL].config["topic"] == "projects/demo/topics/others"


def test_a_bucket_that_does_not_exist_is_the_operators_to_make(environ: dict[str, str]) -> None:
    result = setup({**environ, "FILES_BLOBS_URL": "gs://missing"})
    assert result.exit_code == 1
    assert "missing does not exist" in result.output


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"FILES_BLOBS_URL": ""}, "not a Cloud Storage bucket"),
        ({"FILES_GCS_PROJECT": "", "FILES_NOTIFICATIONS_URL": ""}, "no project"),
        ({"FILES_WEBHOOK_EMAIL": "", "FILES_NOTIFICATIONS_URL": ""}, "no receiver of notifications"),
    ],
)
def test_settings_that_do_not_say_enough_are_named(environ: dict[str, str], changes: dict[str, str], text: str) -> None:
    result = setup({**environ, **changes})
    assert result.exit_code == 1
    assert text in result.output


def test_apis_that_do_not_answer_are_named(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "REPEAT_SECONDS", 0.1)
    result = setup({**environ, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"})
    assert result.exit_code == 1
    assert "ConnectionError" in result.output


def test_the_doctor_finds_nothing_to_check_without_a_bucket(environ: dict[str, str]) -> None:
    assert doctor({**environ, "FILES_BLOBS_URL": ""})["ok"]


def test_the_doctor_opens_the_bucket_as_the_service_does(environ: dict[str, str], cloud: FakeCloud) -> None:
    finding = doctor(environ, "blobs")
    assert finding["ok"], finding
    assert "signed urls" in finding["text"]
    missing = doctor({**environ, "FILES_BLOBS_URL": "gs://missing"}, "blobs")
    assert "bucket does not exist" in missing["text"]
    # An account that IAM does not know signs nothing, which nobody would notice before the first download.
    unsigned = doctor({**environ, "FILES_BLOBS_URL": f"gs://files?signer={EMAIL}"}, "blobs")
    assert "IAM does not sign" in unsigned["text"]
    cloud.add_service_account(EMAIL)
    assert doctor({**environ, "FILES_BLOBS_URL": f"gs://files?signer={EMAIL}"}, "blobs")["ok"]


def test_where_requesters_pay_the_setup_needs_who_pays(environ: dict[str, str], cloud: FakeCloud) -> None:
    cloud.objects.bucket("files").requester_pays = True
    refused = setup(environ)
    assert refused.exit_code == 1
    assert signs(refused) == {"bucket": "✗"}
    paying = {**environ, "FILES_BLOBS_URL": "gs://files/some/prefix?user_project=payer-1"}
    done = setup(paying)
    assert done.exit_code == 0, done.output
    assert "payer-1 pays for requests" in done.output
    finding = doctor(paying)
    assert finding["ok"], finding
    assert "payer-1 pays for requests" in finding["text"]
