"""The peer of the RPC benchmark: a stock nameko service whose method does nothing."""

from nameko.rpc import rpc


class Stock:
    """One empty method."""

    name = "stock"

    @rpc
    def empty(self) -> None:
        """Do nothing."""
