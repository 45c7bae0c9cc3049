//! The task of a client: connect, send the hello, receive and post, and after a loss wait and
//! connect again.
//!
//! What both sides have in common is here; what their frames mean is in their [`Protocol`], which
//! does no I/O.

use std::future::pending;
use std::time::Duration;

use serde::Serialize;
use shoptalk::chat::{MessageId, RoomId};
use shoptalk::protocol::{CloseCode, ServerFrame};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::backoff::Backoff;
use crate::outbox::{Outbox, Post};
use crate::socket::{Closed, ConnectError, Incoming, Socket, SocketOptions};

/// A connection is dead if nothing is received for the ping interval and this time.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the server may take to accept a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to keep reading for the close code after a send has failed.
const CLOSE_CODE_TIMEOUT: Duration = Duration::from_secs(1);
/// Posts that may be unsettled. Commands wait while there are more.
const OUTBOX_POSTS: usize = 1_024;
/// Commands that may wait for the connection's task.
pub(crate) const COMMANDS: usize = 1_024;
/// Events that may wait for whoever reads them.
pub(crate) const EVENTS: usize = 256;

/// Why a client has stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum StopReason {
    /// The server closed the socket with a code that forbids reconnecting.
    #[error(transparent)]
    Closed(Closed),
    /// The upgrade was refused for good.
    #[error(transparent)]
    Refused(ConnectError),
}

/// A message or note that was neither acked nor refused when its client stopped. It may be stored or
/// not; posting it again with the same id is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// Its room.
    pub room_id: RoomId,
    /// Its id.
    pub id: MessageId,
    /// Its text.
    pub content: String,
}

/// Makes sockets.
pub(crate) trait Dial: Send + 'static {
    fn dial(&mut self, path: String) -> impl Future<Output = Result<Socket, ConnectError>> + Send;
}

/// Dials a server over TCP.
pub(crate) struct TcpDial {
    pub(crate) base: String,
    pub(crate) options: SocketOptions,
}

impl Dial for TcpDial {
    async fn dial(&mut self, path: String) -> Result<Socket, ConnectError> {
        Socket::connect(&self.base, &path, self.options.clone()).await
    }
}

/// The frames of one side, and what they mean. The methods do no I/O: they put frames and events
/// into an [`Output`].
pub(crate) trait Protocol: Send + 'static {
    type Hello: Serialize + Send + Sync;
    type Frame: Serialize + Send + Sync;
    type Incoming: Incoming + Send;
    type Event: Send + 'static;
    type Command: Send + 'static;

    /// The path of the socket.
    fn path(&self) -> String;
    /// The first frame, with the position to resume from.
    fn hello(&self) -> Self::Hello;
    fn post(post: Post) -> Self::Frame;
    /// What a frame says about the connection itself.
    fn control(frame: &Self::Incoming) -> Control;
    /// Handles a frame. Fails if something is missing that only a new connection can deliver.
    fn receive(
        &mut self,
        frame: Self::Incoming,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap>;
    /// Handles a command. `welcomed` is whether frames can be sent now.
    fn command(&mut self, command: Self::Command, welcomed: bool, output: &mut Output<Self>);
    /// When [`due`](Self::due) has to be called.
    fn next_due(&self) -> Option<Instant> {
        None
    }
    fn due(&mut self, _output: &mut Output<Self>) {}
    fn offline(reason: String, retry_in: Duration) -> Self::Event;
    fn stopped(reason: StopReason, unsettled: Vec<Unsettled>) -> Self::Event;
}

/// What a frame says about the connection.
pub(crate) enum Control {
    Welcome {
        ping_interval: Duration,
        reconnect_window: Duration,
    },
    GoingAway(Duration),
    Other,
}

impl Control {
    pub(crate) fn welcome(ping_interval_ms: u64, reconnect_window_ms: u64) -> Self {
        Self::Welcome {
            ping_interval: Duration::from_millis(ping_interval_ms),
            reconnect_window: Duration::from_millis(reconnect_window_ms),
        }
    }

    pub(crate) fn event(event: &ServerFrame<'_>) -> Self {
        match event {
            ServerFrame::GoingAway {
                reconnect_within_ms,
            } => Self::GoingAway(Duration::from_millis(*reconnect_within_ms)),
            _ => Self::Other,
        }
    }
}

/// Something is missing in what was received.
#[derive(Debug)]
pub(crate) struct Gap;

/// Frames to send, and events to deliver.
pub(crate) struct Output<P: Protocol + ?Sized> {
    pub(crate) frames: Vec<P::Frame>,
    pub(crate) events: Vec<P::Event>,
}

impl<P: Protocol> Output<P> {
    fn new() -> Self {
        Self {
            frames: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// A command from the handle.
pub(crate) enum Command<C> {
    Post(Post),
    /// Replies when no post is unsettled.
    Flush(oneshot::Sender<()>),
    /// The same, and ends the client.
    Finish(oneshot::Sender<()>),
    /// A command that only this side has.
    Side(C),
}

/// How a connection, or the attempt to make one, ended.
enum Ended {
    /// Connect again.
    Lost {
        reason: String,
        going_away: Option<Duration>,
        flooded: bool,
    },
    Stopped(StopReason),
    /// The handle is finished or dropped.
    Finished,
}

/// The state of the present connection.
struct Live {
    received_at: Instant,
    /// How long after `received_at` the connection counts as dead.
    silence_timeout: Duration,
    going_away: Option<Duration>,
    welcomed: bool,
}

/// The task of one client.
pub(crate) struct Connection<P: Protocol, D> {
    protocol: P,
    dialer: D,
    backoff: Backoff,
    outbox: Outbox,
    commands: mpsc::Receiver<Command<P::Command>>,
    events: mpsc::Sender<P::Event>,
    flushes: Vec<oneshot::Sender<()>>,
    finish: Option<oneshot::Sender<()>>,
    output: Output<P>,
}

impl<P: Protocol, D: Dial> Connection<P, D> {
    pub(crate) fn new(
        protocol: P,
        dialer: D,
        random: fastrand::Rng,
        commands: mpsc::Receiver<Command<P::Command>>,
        events: mpsc::Sender<P::Event>,
    ) -> Self {
        Self {
            protocol,
            dialer,
            backoff: Backoff::new(random),
            outbox: Outbox::default(),
            commands,
            events,
            flushes: Vec::new(),
            finish: None,
            output: Output::new(),
        }
    }

    /// Runs until the handle is finished or dropped, or the server refuses for good.
    pub(crate) async fn run(mut self) {
        loop {
            match self.connect_and_serve().await {
                Ended::Finished => break,
                Ended::Stopped(reason) => {
                    self.commands.close();
                    while let Ok(command) = self.commands.try_recv() {
                        self.command(command, false);
                    }
                    if !self.outbox.is_empty() {
                        // Dropped without a reply, so that `finish` fails.
                        self.finish = None;
                    }
                    let unsettled = self.outbox.drain().map(Unsettled::from).collect();
                    let _ = self.events.send(P::stopped(reason, unsettled)).await;
                    break;
                }
                Ended::Lost {
                    reason,
                    going_away,
                    flooded,
                } => {
                    let wait = self.backoff.next_wait(going_away, flooded);
                    self.output.events.push(P::offline(reason, wait));
                    self.emit().await;
                    if self.wait_until(Instant::now() + wait).await {
                        break;
                    }
                }
            }
        }
        if let Some(finish) = self.finish.take() {
            let _ = finish.send(());
        }
    }

    /// Handles commands until then. Returns whether the handle is finished or dropped.
    async fn wait_until(&mut self, until: Instant) -> bool {
        loop {
            if self.is_finished() {
                return true;
            }
            let takes_commands = self.outbox.len() < OUTBOX_POSTS;
            tokio::select! {
                () = sleep_until(until) => return false,
                command = self.commands.recv(), if takes_commands => match command {
                    Some(command) => self.command(command, false),
                    None => return true,
                },
            }
            self.emit().await;
        }
    }

    async fn connect_and_serve(&mut self) -> Ended {
        // Discards frames that the last connection left unsent: the next welcome decides again.
        self.output.frames.clear();
        let mut socket = match self.dialer.dial(self.protocol.path()).await {
            Ok(socket) => socket,
            Err(error) if error.may_retry() => return Ended::lost(error.to_string()),
            Err(error) => return Ended::Stopped(StopReason::Refused(error)),
        };
        let mut live = Live {
            received_at: Instant::now(),
            silence_timeout: SILENCE * 2,
            going_away: None,
            welcomed: false,
        };
        self.outbox.reconnected();
        if let Err(ended) = send(&mut socket, &self.protocol.hello(), &live).await {
            return ended;
        }
        loop {
            if self.is_finished() {
                socket.close().await;
                return Ended::Finished;
            }
            if let Err(ended) = self.step(&mut socket, &mut live).await {
                return ended;
            }
            for frame in std::mem::take(&mut self.output.frames) {
                if let Err(ended) = send(&mut socket, &frame, &live).await {
                    return ended;
                }
            }
            self.emit().await;
        }
    }

    /// Waits for whatever is next: a frame, a command, or a post that is due.
    async fn step(&mut self, socket: &mut Socket, live: &mut Live) -> Result<(), Ended> {
        let takes_commands = self.outbox.len() < OUTBOX_POSTS;
        let (post_due, side_due) = if live.welcomed {
            (self.outbox.next_due(), self.protocol.next_due())
        } else {
            (None, None)
        };
        tokio::select! {
            received = timeout_at(live.received_at + live.silence_timeout, socket.receive()) => {
                let frame = received
                    .map_err(|_| live.lost("nothing was received for too long"))?
                    .map_err(|closed| live.ended(closed))?;
                live.received_at = Instant::now();
                self.receive(frame, live)?;
            }
            command = self.commands.recv(), if takes_commands => match command {
                Some(command) => self.command(command, live.welcomed),
                None => return Err(Ended::Finished),
            },
            () = at(post_due) => {
                if let Some(post) = self.outbox.take_due() {
                    self.output.frames.push(P::post(post));
                }
            }
            () = at(side_due) => self.protocol.due(&mut self.output),
        }
        Ok(())
    }

    fn receive(&mut self, frame: P::Incoming, live: &mut Live) -> Result<(), Ended> {
        match P::control(&frame) {
            Control::Welcome {
                ping_interval,
                reconnect_window,
            } => {
                live.welcomed = true;
                // Pings vary by a fifth.
                live.silence_timeout = ping_interval.mul_f64(1.2) + SILENCE;
                self.backoff.welcomed(reconnect_window);
            }
            Control::GoingAway(within) => live.going_away = Some(within),
            Control::Other => {}
        }
        let received = self
            .protocol
            .receive(frame, &mut self.outbox, &mut self.output);
        self.settle_flushes();
        received.map_err(|Gap| live.lost("a message is missing"))
    }

    fn command(&mut self, command: Command<P::Command>, welcomed: bool) {
        match command {
            Command::Post(post) => self.outbox.push(post),
            Command::Flush(done) => self.flushes.push(done),
            Command::Finish(done) => self.finish = Some(done),
            Command::Side(command) => self.protocol.command(command, welcomed, &mut self.output),
        }
        self.settle_flushes();
    }

    fn settle_flushes(&mut self) {
        if self.outbox.is_empty() {
            for done in self.flushes.drain(..) {
                let _ = done.send(());
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.finish.is_some() && self.outbox.is_empty()
    }

    /// Delivers the events. If the receiver was dropped, they are discarded.
    async fn emit(&mut self) {
        for event in std::mem::take(&mut self.output.events) {
            let _ = self.events.send(event).await;
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// Sends a frame. If that fails, the reason may be in a close frame that was not read yet.
async fn send(
    socket: &mut Socket,
    frame: &(impl Serialize + Sync),
    live: &Live,
) -> Result<(), Ended> {
    match timeout(SEND_TIMEOUT, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(closed)) => {
            let reading = timeout(CLOSE_CODE_TIMEOUT, async {
                loop {
                    if let Err(closed) = socket.receive_text().await {
                        return closed;
                    }
                }
            });
            Err(live.ended(reading.await.unwrap_or(closed)))
        }
        Err(_) => Err(live.lost("the server does not read")),
    }
}

impl Live {
    fn lost(&self, reason: &str) -> Ended {
        Ended::Lost {
            reason: reason.to_owned(),
            going_away: self.going_away,
            flooded: false,
        }
    }

    fn ended(&self, closed: Closed) -> Ended {
        if !closed.may_reconnect() {
            return Ended::Stopped(StopReason::Closed(closed));
        }
        Ended::Lost {
            reason: closed.to_string(),
            going_away: self.going_away,
            flooded: closed.code() == Some(CloseCode::Flood.as_u16()),
        }
    }
}

impl Ended {
    fn lost(reason: String) -> Self {
        Self::Lost {
            reason,
            going_away: None,
            flooded: false,
        }
    }
}

impl From<Post> for Unsettled {
    fn from(post: Post) -> Self {
        let Post {
            room_id,
            id,
            content,
            ..
        } = post;
        Self {
            room_id,
            id,
            content,
        }
    }
}
