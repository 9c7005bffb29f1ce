"""The morning's page: what changed last night, why, and whether anything is wrong."""
