"""A client of the Files service, over AMQP or HTTP: ``with FilesClient(url) as files: files.info(file_id=…)``.

Importing this package also makes nameko's own proxies raise the service's error classes.
"""

from nameko.exceptions import deserialize_to_instance

from files_service.client.files import FilesClient
from files_service.client.parts import send_parts
from files_service.errors import error_classes
from files_service.runtime.logs import request_id

for _error in error_classes().values():
    deserialize_to_instance(_error)

__all__ = ["FilesClient", "request_id", "send_parts"]
