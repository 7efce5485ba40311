"""Runs Ape commands one after the other in one process: a line of JSON arguments in, a line of JSON result out.

Starting Ape costs seconds, and the tests give it some thirty commands.
"""

import json
import sys

from ape._cli import cli
from click.testing import CliRunner

if __name__ == "__main__":
    out = sys.stdout
    for line in sys.stdin:
        result = CliRunner(mix_stderr=False).invoke(cli, json.loads(line), prog_name="ape")
        answer = {"code": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            answer["stderr"] = f"{result.stderr}Traceback: {result.exception!r}"
        print(json.dumps(answer), file=out, flush=True)
