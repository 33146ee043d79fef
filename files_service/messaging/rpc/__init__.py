"""files.* over AMQP: the consumer, the publisher of events, the typed client."""

from __future__ import annotations

import warnings

# Known and decided; who runs the service can do nothing about it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
