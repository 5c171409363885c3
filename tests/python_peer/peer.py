#!/usr/bin/env python3
"""The protocol spoken by a stranger: a client and a server made of nothing but `struct` and blocking sockets.

It shares no code with arqscope and follows the reference's habits, which an endpoint has to live with:
one `recv` of one frame's length is taken as one frame (50 bytes are asked for while 44 are coming), packages are
sent one by one, ACKs that become due together are sent in one burst, and the client resends before a new package
when its timer has ended or its window is full.

    peer.py client --port PORT --message-file FILE [--window 3] [--timeout 2] [--lose 4,9,10] [--pace 0.05]
    peer.py server --max-msg-size P --output FILE [--lose-acks 4,9,10] [--lose-done K]

The server prints `listening on PORT` and serves one connection. Both exit 0 after a whole exchange.
"""

import argparse
import socket
import struct
import sys
import threading
import time


class Frames:
    """Frames of one capacity on one socket."""

    def __init__(self, sock, capacity):
        self.sock = sock
        self.struct = struct.Struct(f"10s{capacity}sid?ii")

    def pack(self, name, payload=b"", pos=0, sent_time=None):
        when = time.time() if sent_time is None else sent_time
        return self.struct.pack(name.encode(), payload, pos, when, False, pos, pos)

    def take(self, ask=None):
        """One blocking recv, taken as one frame; `None` at the end of the stream."""
        data = self.sock.recv(ask or self.struct.size)
        if not data:
            return None
        if len(data) != self.struct.size:
            raise SystemExit(f"a recv gave {len(data)} bytes where a frame has {self.struct.size}")
        name, payload, seq, _, ack, prev_seq, pos = self.struct.unpack(data)
        if not seq == prev_seq == pos or ack:
            raise SystemExit(f"fields disagree: {data.hex()}")
        return name.rstrip(b"\0").decode(), payload.rstrip(b"\0"), pos


def expect(frame, name):
    if frame is None or frame[0] != name:
        raise SystemExit(f"expected {name}, got {frame}")
    return frame


class Client:
    def __init__(self, options, message):
        self.options = options
        self.lose = set(options.lose)
        self.acked = 0
        self.counted = {}
        self.change = threading.Condition()
        self.sock = socket.create_connection((options.host, options.port))
        handshake = Frames(self.sock, 4)
        self.sock.sendall(handshake.pack("GET_MAX"))
        answer = expect(handshake.take(ask=50), "RETURN_MAX")
        capacity = int(answer[1])
        self.capacity = capacity
        self.frames = Frames(self.sock, capacity)
        self.slices = [message[i : i + capacity] for i in range(0, len(message), capacity)]
        self.disconnected = False

    def listen(self):
        while (frame := self.frames.take()) is not None:
            with self.change:
                if frame[0] == "ACK":
                    self.acked = max(self.acked, int(frame[1]))
                elif frame[0] == "DISCONNECT":
                    self.disconnected = True
                    self.change.notify_all()
                    return
                self.change.notify_all()

    def wait_for(self, pos, seconds):
        with self.change:
            return self.change.wait_for(lambda: self.acked >= pos, seconds)

    def package(self, pos):
        self.counted[pos] = time.monotonic()
        if pos in self.lose:
            self.lose.remove(pos)
            return
        self.sock.sendall(self.frames.pack("MSG", self.slices[pos - 1], pos))

    def oldest_until_acknowledged(self):
        pos = self.acked + 1
        while self.acked < pos:
            self.package(pos)
            self.wait_for(pos, self.options.timeout)

    def run(self):
        threading.Thread(target=self.listen, daemon=True).start()
        total = len(self.slices)
        for pos in range(1, total + 1):
            time.sleep(self.options.pace)
            oldest = self.counted.get(self.acked + 1)
            overdue = oldest is not None and time.monotonic() >= oldest + self.options.timeout
            if overdue or pos > self.acked + self.options.window:
                self.oldest_until_acknowledged()
            self.package(pos)
        while self.acked < total:
            if not self.wait_for(self.acked + 1, 0.5):
                self.oldest_until_acknowledged()
        done = self.frames.pack("DONE", b"EOMsg"[: self.capacity], total + 1)
        self.sock.sendall(done)
        while not self.wait_for(total + 1, self.options.timeout):
            self.sock.sendall(done)
        text = b"request to close connection"[: self.capacity]
        self.sock.sendall(self.frames.pack("CLOSE", text, total + 2))
        with self.change:
            if not self.change.wait_for(lambda: self.disconnected, 10):
                raise SystemExit("no DISCONNECT")
        self.sock.close()


def serve(options):
    listener = socket.create_server((options.host, options.port))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    sock, _ = listener.accept()
    handshake = Frames(sock, 4)
    expect(handshake.take(ask=50), "GET_MAX")
    sock.sendall(handshake.pack("RETURN_MAX", str(options.max_msg_size).encode()))
    frames = Frames(sock, options.max_msg_size)
    slices, last = {}, 0
    lose, skip_done = set(options.lose_acks), options.lose_done

    def ack(pos):
        return frames.pack("ACK", str(pos).encode())

    while True:
        frame = frames.take()
        if frame is None:
            raise SystemExit("the client left without CLOSE")
        name, payload, pos = frame
        if name == "MSG" and pos <= last:
            sock.sendall(ack(pos))
        elif name == "MSG":
            slices.setdefault(pos, payload)
            burst = b""
            while last + 1 in slices:
                last += 1
                if last in lose:
                    lose.remove(last)
                else:
                    burst += ack(last)
            sock.sendall(burst)
        elif name == "DONE" and skip_done:
            skip_done -= 1
        elif name == "DONE" and pos == last + 1:
            sock.sendall(ack(pos))
        elif name == "CLOSE" and pos == last + 2:
            text = b"approving client disconnection"[: options.max_msg_size]
            sock.sendall(frames.pack("DISCONNECT", text))
            break
        else:
            raise SystemExit(f"unexpected {frame} after position {last}")
    with open(options.output, "wb") as out:
        out.write(b"".join(slices[pos] for pos in range(1, last + 1)))
    sock.close()


def positions(text):
    return [int(number) for number in text.split(",") if number]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--message-file")
    parser.add_argument("--window", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=2)
    parser.add_argument("--lose", type=positions, default=[])
    parser.add_argument("--pace", type=float, default=0.05)
    parser.add_argument("--max-msg-size", type=int, default=4)
    parser.add_argument("--lose-acks", type=positions, default=[])
    parser.add_argument("--lose-done", type=int, default=0)
    parser.add_argument("--output")
    options = parser.parse_args()
    if options.role == "server":
        serve(options)
    else:
        with open(options.message_file, "rb") as file:
            Client(options, file.read()).run()


if __name__ == "__main__":
    sys.exit(main())
