"""PostgreSQL queries, one after another: with_psycopg.py MODE PORT COUNT.

each   psycopg.connect for each query
one    one connection
"""

import psycopg

import told

mode, port, count = told.arguments()
dials = 0


def connect():
    global dials
    dials += 1
    return psycopg.connect(host="127.0.0.1", port=int(port), user="postgres", dbname="postgres")


def query(connection):
    return connection.execute("SELECT 1").fetchone() == (1,)


told.ready()
answered = 0
if mode == "each":
    for _ in range(count):
        with connect() as connection:
            answered += query(connection)
elif mode == "one":
    with connect() as connection:
        answered = sum(query(connection) for _ in range(count))
else:
    raise SystemExit(f"no mode {mode}")
told.done(dials=dials, answers=answered)
