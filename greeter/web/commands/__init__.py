"""The commands of `flask`. Each runs with the application as its context.

- For operators: cli has those of settings, jobs and records; drain, add_database and database_commands.
- For authors of tools: check_tools; run_tool and rerun, with execution and terminal; describe describes the tools for
  registries.
"""

from flask import Blueprint

bp = Blueprint("commands", __name__, cli_group=None)
