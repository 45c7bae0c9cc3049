use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Rest, Socket, TestServer, new_id};

/// The password of every agent in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A customer in a room.
pub struct Visitor {
    pub rest: Rest,
    pub token: String,
    pub room_id: String,
    pub epoch: String,
    addr: SocketAddr,
}

impl Visitor {
    /// An anonymous visitor without a name opens a chat.
    pub async fn arrive(server: &TestServer) -> Self {
        Self::arrive_with(server, json!({})).await
    }

    /// An anonymous visitor with this name opens a chat.
    pub async fn named(server: &TestServer, name: &str) -> Self {
        Self::arrive_with(server, json!({"customer_name": name})).await
    }

    /// A new visitor opens a chat with this body.
    pub async fn arrive_with(server: &TestServer, body: Value) -> Self {
        let opened = server.rest().post("/api/chat/rooms/", body).await.is(201);
        Self::from_response(server, &opened)
    }

    /// The visitor of a response to `POST rooms` that has a token.
    pub fn from_response(server: &TestServer, opened: &Value) -> Self {
        let token = opened["token"].as_str().expect("a fresh token").to_owned();
        Self {
            rest: server.rest().bearer(&token),
            token,
            room_id: opened["room"]["id"].as_str().expect("an id").to_owned(),
            epoch: opened["epoch"].as_str().expect("an epoch").to_owned(),
            addr: server.addr(),
        }
    }

    /// The same visitor with the same token, on another server.
    pub fn on(&self, server: &TestServer) -> Self {
        Self {
            rest: server.rest().bearer(&self.token),
            token: self.token.clone(),
            room_id: self.room_id.clone(),
            epoch: self.epoch.clone(),
            addr: server.addr(),
        }
    }

    /// A path below the room.
    pub fn path(&self, below: &str) -> String {
        format!("/api/chat/rooms/{}/{below}", self.room_id)
    }

    /// The room's socket.
    pub fn socket_path(&self) -> String {
        format!("/ws/chat/{}/", self.room_id)
    }

    /// Posts over REST and returns the message.
    pub async fn post(&self, content: &str) -> Value {
        self.rest
            .post(
                &self.path("messages/"),
                json!({"id": new_id(), "content": content}),
            )
            .await
            .is(201)["message"]
            .clone()
    }

    /// The room as the visitor sees it now.
    pub async fn room(&self) -> Value {
        self.rest.get(&self.path("")).await.is(200)["room"].clone()
    }

    /// The newest messages.
    pub async fn messages(&self) -> Vec<Value> {
        let list = self.rest.get(&self.path("messages/?limit=200")).await;
        list.is(200)["results"]
            .as_array()
            .expect("messages")
            .clone()
    }

    /// Connects, sends the hello and returns the welcome too.
    pub async fn connect(&self) -> (Socket, Value) {
        self.connect_with(json!({})).await
    }

    /// The same with further fields in the hello.
    pub async fn connect_with(&self, fields: Value) -> (Socket, Value) {
        let mut socket = Socket::connect(self.addr, &self.socket_path()).await;
        let mut hello = json!({"type": "hello", "token": self.token});
        for (name, value) in fields.as_object().expect("fields") {
            hello[name] = value.clone();
        }
        socket.send(hello).await;
        let welcome = socket.expect("welcome").await;
        (socket, welcome)
    }

    /// A socket after its welcome.
    pub async fn online(&self) -> Socket {
        self.connect().await.0
    }
}

/// A signed-in agent.
pub struct Agent {
    pub rest: Rest,
    pub token: String,
    pub id: String,
    addr: SocketAddr,
}

impl Agent {
    /// The agent of a response to a sign-in.
    pub fn signed_in(server: &TestServer, session: &Value) -> Self {
        let token = session["token"].as_str().expect("a token").to_owned();
        Self {
            rest: server.rest().bearer(&token),
            token,
            id: session["agent"]["id"].as_str().expect("an id").to_owned(),
            addr: server.addr(),
        }
    }

    /// The same agent with the same session, on another server.
    pub fn on(&self, server: &TestServer) -> Self {
        Self {
            rest: server.rest().bearer(&self.token),
            token: self.token.clone(),
            id: self.id.clone(),
            addr: server.addr(),
        }
    }

    /// A room's path in the console's API.
    pub fn path(&self, room_id: &str, below: &str) -> String {
        format!("/api/admin/rooms/{room_id}/{below}")
    }

    /// The room's summary now.
    pub async fn summary(&self, room_id: &str) -> Value {
        self.rest.get(&self.path(room_id, "")).await.is(200)["summary"].clone()
    }

    /// Posts over REST and returns the message.
    pub async fn post(&self, room_id: &str, content: &str) -> Value {
        self.rest
            .post(
                &self.path(room_id, "messages/"),
                json!({"id": new_id(), "content": content}),
            )
            .await
            .is(201)["message"]
            .clone()
    }

    /// Connects, sends the hello and returns the welcome too.
    pub async fn connect(&self) -> (Socket, Value) {
        self.connect_with(json!({})).await
    }

    /// The same with further fields in the hello.
    pub async fn connect_with(&self, fields: Value) -> (Socket, Value) {
        let mut socket = Socket::connect(self.addr, "/ws/admin/chat/").await;
        let mut hello = json!({"type": "hello", "token": self.token});
        for (name, value) in fields.as_object().expect("fields") {
            hello[name] = value.clone();
        }
        socket.send(hello).await;
        let welcome = socket.expect("welcome").await;
        (socket, welcome)
    }

    /// A socket after its welcome.
    pub async fn online(&self) -> Socket {
        self.connect().await.0
    }

    /// A socket that has joined a room.
    pub async fn joined(&self, room_id: &str) -> Socket {
        let mut socket = self.online().await;
        socket
            .send(json!({"type": "join", "room_id": room_id}))
            .await;
        socket.expect("joined").await;
        socket
    }
}
