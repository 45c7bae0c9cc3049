// The peer of Shoptalk's benchmark: rooms over Socket.IO, messages in SQLite, one transaction with
// an fsync for each, the ack after the commit. Customers name their room and its token in the
// handshake, agents a password; agents join rooms and see the states of all.
//
//   node server.mjs DATABASE
//
// PEER_LOBBY is how the states of rooms reach the agents: "each" sends one with every message to
// every agent; "batched" gathers for 250 ms and sends each changed room's newest state in one event;
// "none" leaves the lobby out, which is the least that can be done.

import { randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { Server } from "socket.io";

const BATCH_MS = 250;
const PAGE = 200;
const MAX_CONTENT = 8000;
const agentPassword = process.env.PEER_AGENT;
const lobby = process.env.PEER_LOBBY ?? "none";
if (!["each", "batched", "none"].includes(lobby)) throw new Error(`no such lobby: ${lobby}`);

const db = new DatabaseSync(process.argv[2]);
db.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS rooms (
    id TEXT PRIMARY KEY, token TEXT NOT NULL, customer_name TEXT NOT NULL, last_seq INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'active', updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS messages (
    room_id TEXT NOT NULL REFERENCES rooms (id), seq INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, sender_type TEXT NOT NULL,
    content TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (room_id, seq)
  ) STRICT, WITHOUT ROWID;
`);
const insertRoom = db.prepare("INSERT INTO rooms (id, token, customer_name, updated_at) VALUES (?, ?, ?, ?)");
const findRoom = db.prepare("SELECT token, last_seq FROM rooms WHERE id = ?");
const moveRoom = db.prepare("UPDATE rooms SET last_seq = ?, status = ?, updated_at = ? WHERE id = ?");
const insertMessage = db.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)");
const findMessage = db.prepare("SELECT room_id, seq, created_at FROM messages WHERE id = ?");
const messagesAfter = db.prepare("SELECT * FROM messages WHERE room_id = ? AND seq > ? ORDER BY seq LIMIT ?");

const http = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/api/chat/rooms/") {
    response.writeHead(404).end();
    return;
  }
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    try {
      const name = JSON.parse(body).customer_name;
      if (typeof name !== "string") throw new TypeError("a name is a string");
      const id = randomUUID();
      const token = randomBytes(24).toString("base64url");
      const now = new Date();
      insertRoom.run(id, token, name, now.getTime());
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify({ room: newRoom(id, name, now.toISOString()), token, epoch: "" }));
    } catch {
      response.writeHead(400).end();
    }
  });
});

// As Shoptalk describes one, so that the same client opens it.
function newRoom(id, customer_name, now) {
  return {
    id, status: "active", customer_name, customer_email: null, customer_phone: null, user: null, page_url: null,
    created_at: now, updated_at: now, last_message_at: null, last_seq: 0, customer_read_seq: 0, admin_read_seq: 0,
  };
}

const io = new Server(http, { transports: ["websocket"], serveClient: false });

io.use((socket, next) => {
  const { agent, room_id, token } = socket.handshake.auth;
  if (agent !== undefined && agent === agentPassword) {
    socket.data.side = "admin";
    return next();
  }
  if (typeof room_id === "string" && findRoom.get(room_id)?.token === token) {
    socket.data.side = "customer";
    socket.data.room = room_id;
    return next();
  }
  next(new Error("not allowed"));
});

io.on("connection", (socket) => {
  if (socket.data.side === "customer") {
    socket.join(socket.data.room);
    const after = Number(socket.handshake.auth.after) || 0;
    socket.emit("welcome", { messages: messagesAfter.all(socket.data.room, after, PAGE) });
  } else {
    socket.join("agents");
    socket.on("join", ({ room_id, after }, ack) => {
      if (!findRoom.get(room_id)) return ack({ error: "no such room" });
      socket.join(room_id);
      ack({ room_id, messages: messagesAfter.all(room_id, Number(after) || 0, PAGE) });
    });
  }
  socket.on("post", (post, ack) => {
    try {
      const { room_id, id, content } = post;
      if (typeof content !== "string" || content.length === 0 || content.length > MAX_CONTENT) {
        return ack({ error: "a message has 1 to 8000 characters" });
      }
      if (socket.data.side === "customer" && room_id !== socket.data.room) return ack({ error: "not your room" });
      const { message, duplicate } = store(room_id, id, socket.data.side, content);
      ack({ room_id, id, seq: message.seq, created_at: message.created_at, duplicate });
      if (duplicate) return;
      io.to(room_id).emit("message", message);
      changed({ id: room_id, last_seq: message.seq, sender_type: message.sender_type, content, updated_at: message.created_at });
    } catch (error) {
      console.error(error);
      ack({ error: "not stored" });
    }
  });
});

function store(room_id, id, sender_type, content) {
  const known = findMessage.get(id);
  if (known) return { message: known, duplicate: true };
  db.exec("BEGIN IMMEDIATE");
  try {
    const room = findRoom.get(room_id);
    if (!room) throw new Error("no such room");
    const message = { room_id, seq: room.last_seq + 1, id, sender_type, content, created_at: Date.now() };
    insertMessage.run(room_id, message.seq, id, sender_type, content, message.created_at);
    moveRoom.run(message.seq, sender_type === "customer" ? "waiting" : "active", message.created_at, room_id);
    db.exec("COMMIT");
    return { message, duplicate: false };
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

const states = new Map();

function changed(state) {
  if (lobby === "each") io.to("agents").emit("summary", state);
  if (lobby !== "batched") return;
  if (states.size === 0) {
    setTimeout(() => {
      io.to("agents").emit("summaries", [...states.values()]);
      states.clear();
    }, BATCH_MS);
  }
  states.set(state.id, state);
}

http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
process.on("SIGTERM", () => {
  io.close();
  db.close();
  process.exit(0);
});
