"""HTTP gateway: one sub-application per door, over shared authentication and transfer of bytes."""
