"""aiohttp, one call after another: with_aiohttp.py MODE URL COUNT.

each      a ClientSession for each request
one       one ClientSession
short     one that keeps idle connections for 0.3 s, asked every 0.5 s
patient   one that keeps them for 15 s (the default), asked every 0.5 s
"""

import asyncio

import aiohttp

import told

mode, url, count = told.arguments()
PAUSE_S = 0.5 if mode in ("short", "patient") else 0
dials = 0


async def dialled(*_):
    global dials
    dials += 1


def session():
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(dialled)
    connector = aiohttp.TCPConnector(keepalive_timeout=0.3 if mode == "short" else 15)
    return aiohttp.ClientSession(connector=connector, trace_configs=[trace])


async def get(own):
    async with own.get(url) as response:
        await response.read()
        return response.status == 200


async def main():
    answered = 0
    if mode == "each":
        for _ in range(count):
            async with session() as own:
                answered += await get(own)
    elif mode in ("one", "short", "patient"):
        async with session() as own:
            for _ in range(count):
                answered += await get(own)
                await asyncio.sleep(PAUSE_S)
    else:
        raise SystemExit(f"no mode {mode}")
    return answered


told.ready()
answered = asyncio.run(main())
told.done(dials=dials, answers=answered)
