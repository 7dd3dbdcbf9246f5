"""How a command starts and what it writes: options, exit codes, pictures, tables."""
