"""files.* over AMQP: the consumer and its green connection."""

from __future__ import annotations

import warnings

# A known decision; the operator cannot do anything about it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
