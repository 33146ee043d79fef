"""jobs.info, jobs.list, jobs.cancel: work on whole folders."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import integer, string
from files_service.api.text import line
from files_service.core import Core
from files_service.services.files import require_acts_for
from files_service.services.jobs import job as jobs
from storage_adapters import JSON


class JobParams(ParamsSchema):
    """Parameters of jobs.info and jobs.cancel."""

    job_id = string("Id of the job.", line(1, 64), required=True)


class ListParams(ParamsSchema):
    """Parameters of jobs.list."""

    owner = owner_field()
    limit = integer("Most jobs.", 1, 100, load_default=20)


@action("jobs.info", JobParams)
def info(params: Params, core: Core) -> JSON:
    """Return a job and its progress."""
    return jobs.require_job(core, params["job_id"], params["actor"]).shown()


@action("jobs.list", ListParams)
def list_jobs(params: Params, core: Core) -> JSON:
    """Return jobs of an owner of the last seven days: those that run, then the newest."""
    require_acts_for(params["owner"], params["actor"])
    return {"jobs": [each.shown() for each in jobs.jobs_of(core, params["owner"], params["limit"])]}


@action("jobs.cancel", JobParams)
def cancel(params: Params, core: Core) -> JSON:
    """Cancel a job that runs; what it has done stays."""
    jobs.require_job(core, params["job_id"], params["actor"])
    return jobs.cancel_job(core, params["job_id"]).shown()
