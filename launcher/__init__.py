"""Runs WotNot on one machine: embedded services, migrations, sandbox, the Procfile's processes. Standard library and psutil."""
