"""The door of folders, the trash and jobs: ``/api/folders``, ``/api/trash``, ``/api/jobs``."""
