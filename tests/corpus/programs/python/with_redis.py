"""Redis commands: with_redis.py MODE PORT COUNT.

each        a client for each command
one         one client
pipeline    one client, COUNT commands in batches of ten
subscribe   a subscriber that is told COUNT messages by another client of this process
"""

import redis

import told

mode, port, count = told.arguments()
dials = 0


class Counted(redis.Connection):
    def _connect(self):
        global dials
        dials += 1
        return super()._connect()


def client():
    pool = redis.ConnectionPool(connection_class=Counted, host="127.0.0.1", port=int(port))
    return redis.Redis(connection_pool=pool)


def close(own):
    own.connection_pool.disconnect()


def batch(own):
    with own.pipeline(transaction=False) as pipeline:
        for _ in range(10):
            pipeline.incr("count")
        return len(pipeline.execute())


told.ready()
answered = 0
own = client()
if mode == "each":
    for _ in range(count):
        each = client()
        answered += each.ping()
        close(each)
elif mode == "one":
    answered = sum(own.ping() for _ in range(count))
elif mode == "pipeline":
    answered = sum(batch(own) for _ in range(count // 10))
elif mode == "subscribe":
    with own.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        # The answer to the subscription is the first thing to come.
        while subscriber.get_message(timeout=0.1) is None and not subscriber.subscribed:
            pass
        publisher = client()
        for nth in range(count):
            publisher.publish("news", nth)
            message = None
            while message is None:
                message = subscriber.get_message(timeout=5)
            answered += int(message["data"]) == nth
        close(publisher)
else:
    raise SystemExit(f"no mode {mode}")
close(own)
told.done(dials=dials, answers=answered)
