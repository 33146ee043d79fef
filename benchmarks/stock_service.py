"""The peer of the RPC benchmark: a stock nameko service with an empty method."""

from nameko.rpc import rpc


class Stock:
    """One empty method."""

    name = "stock"

    @rpc
    def empty(self) -> None:
        """Do nothing."""
