"""A visitor and an agent who talk through the proxy of deploy/compose.yml while its parts are killed.

compose-trials.py HOST PASSWORD: runs beside compose.yml, in the directory of its project; HOST
resolves to this machine. scripts/compose-trials.sh starts it. Each side resumes as docs/protocol.md
says, and a message that either gets twice, late or not at all is an error.
"""

import asyncio
import json
import random
import socket
import ssl
import subprocess
import sys
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

HOST, PASSWORD = sys.argv[1:]
DEADLINE_S = 120


def compose(*words):
    done = subprocess.run(["docker", "compose", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


# Caddy's own authority certifies names below localhost.
AUTHORITY = compose("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
TLS = ssl.create_default_context(cadata=AUTHORITY)


def call(path, body=None, token=None):
    # The forged header must not be believed.
    headers = {"content-type": "application/json", "x-forwarded-for": "198.51.100.9"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{HOST}{path}", data, headers)
    with urllib.request.urlopen(request, context=TLS, timeout=DEADLINE_S) as response:
        return json.load(response)


class Side:
    """One of the two: what it has seen of the room, and what it has written that is not acked yet."""

    def __init__(self, path, token, room, joins):
        self.path, self.token, self.room, self.joins = path, token, room, joins
        self.epoch, self.log, self.unacked, self.acked = None, [], {}, set()
        self.connections, self.is_writing = 0, True

    def position(self):
        return {"epoch": self.epoch, "after": len(self.log)} if self.epoch else {"tail": 50}

    async def live(self):
        while True:
            try:
                async with connect(f"wss://{HOST}{self.path}", ssl=TLS, open_timeout=5, max_size=None) as connection:
                    await self.talk(connection)
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(random.uniform(0, 1))

    async def talk(self, connection):
        async def send(**frame):
            await connection.send(json.dumps(frame))

        async def post(message_id):
            await send(type="post", room_id=self.room, id=message_id, content=self.unacked[message_id])

        async def write():
            for message_id in list(self.unacked):
                await post(message_id)
            while True:
                # Below limits.posts_per_second.
                await asyncio.sleep(0.25)
                if self.is_writing and len(self.unacked) < 10:
                    message_id = str(uuid.uuid4())
                    self.unacked[message_id] = f"message {message_id}"
                    await post(message_id)

        await send(type="hello", token=self.token, **({} if self.joins else self.position()))
        writer = None
        try:
            async for text in connection:
                frame = json.loads(text)
                match frame["type"]:
                    case "welcome" if self.joins:
                        epoch = frame["epoch"]
                        await send(type="join", room_id=self.room, **self.position())
                    case "welcome" | "joined":
                        assert frame["recovered"] == (self.epoch is not None), frame
                        self.epoch = frame.get("epoch") or epoch
                        self.take(frame["messages"])
                        self.connections += 1
                        writer = asyncio.create_task(write())
                    case "message":
                        self.take([frame["message"]])
                    case "messages":
                        self.take(frame["messages"])
                    case "ack":
                        self.unacked.pop(frame["id"], None)
                        self.acked.add(frame["id"])
                    case "ping":
                        await send(type="pong")
                    case "error" if frame["retryable"] and frame.get("id") in self.unacked:
                        await asyncio.sleep(frame.get("retry_after_ms", 500) / 1000)
                        await post(frame["id"])
                    case "error":
                        raise AssertionError(frame)
        finally:
            if writer:
                writer.cancel()

    def take(self, messages):
        for message in messages:
            assert message["seq"] == len(self.log) + 1, f"{message} after {len(self.log)} messages"
            self.log.append(message["id"])


async def wait_for(condition):
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.1)


async def talk_through(faults):
    opened = call("/api/chat/rooms/", {"customer_name": "Ann"})
    room, token = opened["room"]["id"], opened["token"]
    agent_token = call("/api/admin/login/", {"username": "mia", "password": PASSWORD})["token"]
    seen = call("/api/admin/doctor/seen/", {}, agent_token)["client"]
    assert seen == socket.gethostbyname(HOST), f"the nodes take {seen} for the customer's address"
    visitor = Side(f"/ws/chat/{room}/", token, room, joins=False)
    agent = Side("/ws/admin/chat/", agent_token, room, joins=True)
    sides = [visitor, agent]

    async def goes_on():
        """Both sides get further messages of both acked, and both see them."""
        acked = [len(side.acked) + 10 for side in sides]
        await wait_for(lambda: all(len(side.acked) >= least for side, least in zip(sides, acked)))

    async def go_through_faults():
        await goes_on()
        for words, steps in faults:
            before = sum(side.connections for side in sides)
            for step in steps:
                await asyncio.to_thread(compose, *step)
            await goes_on()
            reconnects = sum(side.connections for side in sides) - before
            print(f"{words}: it goes on, {len(visitor.log)} messages, {reconnects} reconnects", flush=True)
        for side in sides:
            side.is_writing = False
        await wait_for(lambda: not visitor.unacked and not agent.unacked)
        acked = visitor.acked | agent.acked
        await wait_for(lambda: all(set(side.log) >= acked for side in sides))

    # The first that fails ends the others.
    async with asyncio.TaskGroup() as tasks:
        lives = [tasks.create_task(side.live()) for side in sides]
        await go_through_faults()
        for task in lives:
            task.cancel()

    assert visitor.log == agent.log, "the two have seen different conversations"
    assert len(set(visitor.log)) == len(visitor.log), "a message came twice"
    kept, after = [], 0
    while page := call(f"/api/chat/rooms/{room}/messages/?after={after}", token=token)["results"]:
        kept += [message["id"] for message in page]
        after = page[-1]["seq"]
    assert kept == visitor.log, "the database has another conversation"
    assert all(side.connections > 1 for side in sides), "no socket was lost"
    print(f"{len(kept)} messages, and each that was acked is there once, in the same order for both")


NODES = ["node1", "node2", "node3"]
FAULTS = [
    fault
    for service in [*NODES, "nats"]
    for fault in (
        (f"{service} is killed", [["kill", service]]),
        (f"{service} is back", [["up", "--detach", "--wait", service]]),
    )
] + [
    ("postgres is killed and started", [["kill", "postgres"], ["up", "--detach", "--wait", "postgres"]]),
    ("postgres is restarted", [["restart", "postgres"]]),
    (
        "the nodes are replaced one by one",
        [["up", "--detach", "--wait", "--no-deps", "--force-recreate", node] for node in NODES],
    ),
]
asyncio.run(talk_through(FAULTS))
