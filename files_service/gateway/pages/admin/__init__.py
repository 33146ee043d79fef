"""``/admin``: accounts, invites, tenants, storage and health, for admins of a tenant and operators."""
