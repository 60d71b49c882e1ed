#!/usr/bin/python3
"""A wire between two TUN devices that delays, reorders and loses packets, and changes none of them: what
TCP numbers stays as it is, which a proxy would not leave so.

    packet_link.py FD FD --delay-ms 1 --jitter-ms 2 --loss 0.01 --seed 7

The descriptors are inherited. On SIGTERM it prints what it did, as one line of JSON."""

import argparse
import heapq
import json
import os
import random
import selectors
import signal
import sys
import time

PACKET_BYTES_MAX = 65536
HELD_MAX = 10000  # packets; beyond that they are lost, as in a router


class Link:
    def __init__(self, arguments):
        self.ends = arguments.ends
        self.delay = arguments.delay_ms / 1000
        self.jitter = arguments.jitter_ms / 1000
        self.loss = arguments.loss
        self.random = random.Random(arguments.seed)
        self.held = []  # (when it is due, its number, the end where it goes, the packet)
        self.newest = {end: 0 for end in self.ends}  # number of the newest packet that was passed on
        self.counts = {"packets": 0, "lost": 0, "reordered": 0}

    def take(self, end):
        try:
            packet = os.read(end, PACKET_BYTES_MAX)
        except BlockingIOError:
            return False
        self.counts["packets"] += 1
        if self.random.random() < self.loss or len(self.held) >= HELD_MAX:
            self.counts["lost"] += 1
            return True
        due = time.monotonic() + self.delay + self.random.random() * self.jitter
        other = self.ends[1 - self.ends.index(end)]
        heapq.heappush(self.held, (due, self.counts["packets"], other, packet))
        return True

    def pass_on(self):
        """Sends what is due; seconds until the next packet is."""
        while self.held and self.held[0][0] <= time.monotonic():
            _, number, end, packet = heapq.heappop(self.held)
            self.counts["reordered"] += number < self.newest[end]
            self.newest[end] = max(number, self.newest[end])
            try:
                os.write(end, packet)
            except BlockingIOError:
                self.counts["lost"] += 1
        return max(0.0, self.held[0][0] - time.monotonic()) if self.held else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ends", type=int, nargs=2, metavar="FD")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--jitter-ms", type=float, default=0, help="added at random: it reorders")
    parser.add_argument("--loss", type=float, default=0, help="share of the packets")
    parser.add_argument("--seed", type=int, default=1)
    link = Link(parser.parse_args())

    def finish(*_):
        print(json.dumps(link.counts), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, finish)
    ready = selectors.DefaultSelector()
    for end in link.ends:
        os.set_blocking(end, False)
        ready.register(end, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select(link.pass_on()):
            while link.take(key.fd):
                pass


if __name__ == "__main__":
    main()
