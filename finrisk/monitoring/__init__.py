"""What people and other systems see of the models: the documented tracker and registry."""
