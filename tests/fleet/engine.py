"""One embedded ClickHouse that runs what it is told: a request a line on stdin, its answer a line on stdout.

Request: {"sql": ..., "format": ..., "params": {...}}. Answer: {"answer": text} or {"error": text}. Ends with
its input. Knows nothing of what it is asked.
"""

import json
import sys

from chdb import session


def main():
    # In a folder of its own, which goes with the process.
    engine = session.Session()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = engine.query(request["sql"], request["format"], params=request["params"])
            answer = {"answer": str(said)}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
