"""`python -m bench.canaries`: what the search for planted values costs, for several kinds of data.

A hundred values of forty characters; CPU seconds, since the machine may have other work.
"""

from __future__ import annotations

import base64
import gzip
import random
import time

import click

from analyzer.sandbox.canaries import Forms, Stream
from analyzer.sandbox.planting import Planting

VALUES = 100
READ_BYTES = 1 << 16


@click.command()
@click.option("--mebibytes", default=8, show_default=True, help="Of each stream.")
def bench(mebibytes: int) -> None:
    """Print a table."""
    planting = Planting(source=random.SystemRandom())
    values = {f"c{number}": (planting.text(40),) for number in range(VALUES)}
    size = mebibytes << 20
    noise = planting.source.randbytes(size)
    streams = {
        "noise": noise,
        "text": (b"the quick brown fox jumps over 13 lazy dogs, and " * (size // 49 + 1))[:size],
        "base64": base64.b64encode(noise[: size * 3 // 4]),
        "base64 in lines": base64.encodebytes(noise[: size * 3 // 4]),
        "hex": noise[: size // 2].hex().encode(),
        "quoted": b"%41%2f" * (size // 6),
        "zeros": bytes(size),
        "bombs": (gzip.compress(bytes(64 << 20)) * (size // 60_000))[:size],
    }
    begun = time.process_time()
    wanted = Forms(values)
    wanted.find(b"x")
    click.echo(f"tables for {VALUES} values: {(time.process_time() - begun) * 1e3:.0f} ms\n")
    click.echo(f"| {mebibytes} MiB of | CPU s |\n|---|---:|")
    for name, data in streams.items():
        click.echo(f"| {name} | {_stream_s(values, data):.2f} |")
    request = b"POST /v1?x=1 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n"
    for name, body in (
        ("JSON", b'{"key": "value and text"},' * 36),
        ("base64", streams["base64"][:920]),
    ):
        click.echo(f"\nA request of 1 KiB, {name}: {_request_us(wanted, request + body):.0f} us")


def _stream_s(values: dict[str, tuple[str]], data: bytes) -> float:
    wanted = Forms(values)
    wanted.find(b"x")
    stream = Stream(wanted)
    begun = time.process_time()
    for place in range(0, len(data), READ_BYTES):
        stream.feed(data[place : place + READ_BYTES])
    assert not stream.settle()
    return time.process_time() - begun


def _request_us(wanted: Forms, request: bytes, rounds: int = 200) -> float:
    begun = time.process_time()
    for _ in range(rounds):
        assert not wanted.find(request)
    return (time.process_time() - begun) / rounds * 1e6


if __name__ == "__main__":
    bench()
