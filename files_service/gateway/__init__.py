"""The HTTP doors (aiohttp). Thin: every decision is made by an action."""
