"""Idempotent setup of upload notifications, step by step; a dry run only reports what is missing.

A step reads, compares, and writes the differences. Other configuration is left unchanged. A step that fails temporarily
is repeated as a whole: a write whose response was lost is then found, not written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from urllib.parse import quote

from storage_adapters.errors import StorageUnavailable
from storage_adapters.notifications.pubsub.desired_state import JSON, DesiredState, admits, differing, origins_of_ours
from storage_adapters.notifications.pubsub.rest import PUBSUB, STORAGE, CloudError, RestApi, repeated
from storage_adapters.ports.setup import SetupStep

PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"


class CloudSetup:
    """One bucket with its notifications. ``dry_run`` writes nothing."""

    def __init__(
        self, wanted: DesiredState, *, dry_run: bool, storage_emulator_host: str = "", pubsub_emulator_host: str = ""
    ) -> None:
        self._wanted, self._dry_run = wanted, dry_run
        self._storage = RestApi("storage", STORAGE, emulator=storage_emulator_host)
        self._pubsub = RestApi("pubsub", PUBSUB, emulator=pubsub_emulator_host)
        self._bucket: JSON = {}

    def steps(self) -> Iterator[SetupStep]:
        """Run one step after the other; a failed step does not prevent the others."""
        wanted = self._wanted
        dead, subscription = wanted.dead_topic_name, wanted.dead_subscription_name
        yield from self._try("bucket", self._read_bucket)
        if not self._bucket:
            return
        yield from self._try("bucket CORS", self._cors)
        yield from self._try("bucket lifecycle", self._lifecycle)
        yield from self._try("topic", lambda: self._topic(wanted.topic_name))
        yield from self._try("permission of the bucket to publish", self._grant_bucket)
        yield from self._try("notification", self._notification)
        yield from self._try("dead-letter topic", lambda: self._topic(dead))
        kept = wanted.dead_subscription()
        yield from self._try("dead-letter subscription", lambda: self._subscription(subscription, kept))
        yield from self._try("permission to forward dead letters", lambda: self._grant_forwarding(dead, PUBLISHER))
        for push, name in ((True, wanted.push_subscription), (False, wanted.pull_subscription)):
            if not (wanted.push_url if push else name):
                continue
            full = wanted.subscription_name(name)
            kind = "push" if push else "pull"
            config = wanted.subscription(push=push)
            yield from self._try(f"{kind} subscription", partial(self._subscription, full, config))
            yield from self._try(
                f"permission to take dead letters from the {kind} subscription",
                partial(self._grant_forwarding, full, SUBSCRIBER),
            )

    def close(self) -> None:
        """Close the connections."""
        self._storage.close()
        self._pubsub.close()

    def _try(self, name: str, step: Callable[[], tuple[str, str]]) -> Iterator[SetupStep]:
        try:
            state, text = repeated(step)
        except StorageUnavailable as error:
            missing = isinstance(error, CloudError) and error.status == 404 and self._dry_run
            text = self._wanted.without_secret(str(error))
            state, text = ("due", "does not exist") if missing else ("failed", text)
        yield SetupStep(name=name, state=state, text=text)

    def _write(self, text: str, write: Callable[[], object]) -> tuple[str, str]:
        if self._dry_run:
            return "due", text
        write()
        return "done", text

    def _ask(
        self, method: str, path: str = "", body: JSON | None = None, params: Mapping[str, str] | None = None
    ) -> JSON:
        """Send a request about the bucket."""
        payer = {"userProject": self._wanted.user_project} if self._wanted.user_project else {}
        url = f"/storage/v1/b/{quote(self._wanted.bucket, safe='')}{path}"
        return self._storage.call(method, url, body, params={**(params or {}), **payer})

    def _read_bucket(self) -> tuple[str, str]:
        try:
            self._look_at_bucket()
        except CloudError as error:
            if error.status == 404:
                return "failed", f"{self._wanted.bucket} does not exist: create it first"
            raise
        uniform = self._bucket.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled")
        access = "uniform access" if uniform else "access by object lists"
        text = ", ".join([self._wanted.bucket, access, *policies_of(self._bucket)])
        if self._bucket.get("billing", {}).get("requesterPays"):
            payer = self._wanted.user_project
            if not payer:
                return "failed", f"{text}: requesters pay, name who does: FILES_BLOBS_URL=gs://…?user_project=PROJECT"
            text = f"{text}, {payer} pays for requests"
        return "ok", text

    def _look_at_bucket(self) -> JSON:
        self._bucket = self._ask("GET")
        return self._bucket

    def _patch_bucket(self, change: JSON) -> None:
        # Another client may change the same list between the read and the write.
        expected = {"ifMetagenerationMatch": str(self._bucket["metageneration"])}
        self._ask("PATCH", body=change, params=expected)

    def _cors(self) -> tuple[str, str]:
        rule = self._wanted.cors_rule()
        found = list(self._look_at_bucket().get("cors", []))
        fitting = next((each for each in found if admits(each, rule)), None)
        if fitting is not None:
            return "ok", f"pages of {', '.join(fitting.get('origin', []))}"
        rule["origin"] = rule["origin"] or origins_of_ours(found) or list(self._wanted.default_origins)
        others = [each for each in found if sorted(each.get("origin", [])) != sorted(rule["origin"])]
        text = f"pages of {', '.join(rule['origin']) or 'any origin'}"
        return self._write(text, lambda: self._patch_bucket({"cors": [*others, rule]}))

    def _lifecycle(self) -> tuple[str, str]:
        found = list(self._look_at_bucket().get("lifecycle", {}).get("rule", []))
        rules = self._wanted.lifecycle_rules()
        missing = [rule for rule in rules if not any(not differing(rule, each) for each in found)]
        [prefix] = rules[0]["condition"]["matchesPrefix"]
        text = f"{prefix} is deleted after {self._wanted.temporary_days} days"
        if not missing:
            return "ok", text
        kept = [each for each in found if each.get("condition", {}).get("matchesPrefix") != [prefix]]
        return self._write(text, lambda: self._patch_bucket({"lifecycle": {"rule": [*kept, *rules]}}))

    def _topic(self, name: str) -> tuple[str, str]:
        if self._found(name) is not None:
            return "ok", name
        return self._write(name, lambda: self._pubsub.call("PUT", f"/v1/{name}", {}))

    def _notification(self) -> tuple[str, str]:
        config = self._wanted.notification()
        answer = self._ask("GET", "/notificationConfigs")
        of_topic = [each for each in answer.get("items", []) if each.get("topic") == config["topic"]]
        text = f"complete objects below {config.get('object_name_prefix', '/')}"
        fitting = [each for each in of_topic if not differing(config, each)]
        rest = [each for each in of_topic if each not in fitting[:1]]
        if fitting and not rest:
            return "ok", text

        def write() -> None:
            # Create the new one first: duplicates are better than gaps. One cannot be changed; two send all twice.
            if not fitting:
                self._ask("POST", "/notificationConfigs", config)
            for each in rest:
                self._ask("DELETE", f"/notificationConfigs/{each['id']}")

        return self._write(text + (f", replacing {len(rest)} others of this topic" if rest else ""), write)

    def _subscription(self, name: str, config: JSON) -> tuple[str, str]:
        found = self._found(name)
        if found is None:
            return self._write(name, lambda: self._pubsub.call("PUT", f"/v1/{name}", config))
        if found.get("topic") != config["topic"]:
            return "failed", f"{name} belongs to the topic {found.get('topic')}: choose another name"
        fields = differing(config, found)
        if not fields:
            return "ok", name
        body = {"subscription": {**{field: config[field] for field in fields}, "name": name}}
        body["updateMask"] = ",".join(fields)  # type: ignore[assignment]
        return self._write(f"{name}: {', '.join(fields)}", lambda: self._pubsub.call("PATCH", f"/v1/{name}", body))

    def _found(self, name: str) -> JSON | None:
        try:
            return self._pubsub.call("GET", f"/v1/{name}")
        except CloudError as error:
            if error.status == 404:
                return None
            raise

    def _grant_bucket(self) -> tuple[str, str]:
        # The service agent is that of the bucket's project.
        agent = self._storage.call("GET", f"/storage/v1/projects/{self._wanted.project}/serviceAccount")
        return self._grant(self._wanted.topic_name, PUBLISHER, f"serviceAccount:{agent['email_address']}")

    def _grant_forwarding(self, resource: str, role: str) -> tuple[str, str]:
        number = self._bucket.get("projectNumber")
        if not number:
            return "ok", "not checked: the bucket does not report its project"
        agent = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
        return self._grant(resource, role, agent)

    def _grant(self, resource: str, role: str, member: str) -> tuple[str, str]:
        policy = self._pubsub.call("GET", f"/v1/{resource}:getIamPolicy")
        bindings = list(policy.get("bindings", []))
        if any(each.get("role") == role and member in each.get("members", []) for each in bindings):
            return "ok", f"{member} has {role}"
        bindings.append({"role": role, "members": [member]})
        changed = {**policy, "bindings": bindings}
        return self._write(
            f"{member} gets {role}",
            lambda: self._pubsub.call("POST", f"/v1/{resource}:setIamPolicy", {"policy": changed}),
        )


def policies_of(bucket: JSON) -> list[str]:
    """Name the policies of a bucket that keep deleted bytes, or keep the public out."""
    seconds = int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
    retained = int(bucket.get("retentionPolicy", {}).get("retentionPeriod", 0))
    found = {
        f"soft delete keeps deleted bytes for {seconds // 86_400} days": seconds,
        "versioning keeps deleted bytes": bucket.get("versioning", {}).get("enabled"),
        f"retention refuses deletions for {retained} s": retained,
        "public access is prevented": bucket.get("iamConfiguration", {}).get("publicAccessPrevention") == "enforced",
    }
    return [text for text, applies in found.items() if applies]
