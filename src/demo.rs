//! A small shop to try things in: an agent whose password everybody knows, and a
//! few conversations as they happen.

use tokio::sync::oneshot;

use crate::chat::{Details, Draft, Role, RoomId, Sender, Side, Status};
use crate::credentials::{HashError, TokenKind, hash_password, hash_token, new_token};
use crate::persistence::{Actor, NewAgent, OpenRoom, RoomOp, Store, StoreError, WriteError};

/// The name to sign in with.
pub const USERNAME: &str = "admin";
/// The password. The demo listens on this machine only.
pub const PASSWORD: &str = "admin123";
const DISPLAY_NAME: &str = "Mia";

/// Why the shop could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The store refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// One line of a conversation.
enum Line {
    Customer(&'static str),
    Agent(&'static str),
    Closed,
}

use Line::{Agent, Closed, Customer};

struct Story {
    name: Option<&'static str>,
    email: Option<&'static str>,
    phone: Option<&'static str>,
    page: &'static str,
    /// Whether the agents have read to the end.
    read: bool,
    lines: &'static [Line],
}

/// The oldest first, so that those who wait stand in their order.
const STORIES: &[Story] = &[
    Story {
        name: Some("Tomás Herrera"),
        email: Some("tomas.herrera@example.com"),
        phone: None,
        page: "https://shop.example/orders/10482",
        read: true,
        lines: &[
            Customer(
                "Hi, I ordered the oak serving board (order 10482) and the box came with a dent.",
            ),
            Customer("The board itself looks fine, just telling you."),
            Agent(
                "Thank you for letting us know, Tomás! I have passed it on to our parcel service.",
            ),
            Agent("If you find any mark on the board after all, write here and we send a new one."),
            Customer("Great service, thanks!"),
            Agent("Enjoy it. 🙂"),
            Closed,
        ],
    },
    Story {
        name: Some("Priya Nair"),
        email: Some("priya@example.org"),
        phone: Some("+44 20 7946 0958"),
        page: "https://shop.example/products/blue-kettle",
        read: true,
        lines: &[
            Customer("Does the blue kettle work on an induction hob?"),
            Agent("Yes, all of our kettles have a steel base. It takes up to 1.7 litres."),
            Customer("Perfect. And does it whistle?"),
            Agent("It does, but you can flip the whistle up if you like it quiet."),
            Customer("Sold :)"),
            Agent("Lovely! Here is how to look after it: https://shop.example/care/kettles"),
        ],
    },
    Story {
        name: Some("Lena Vogt"),
        email: Some("lena.vogt@example.net"),
        phone: None,
        page: "https://shop.example/returns",
        read: true,
        lines: &[
            Customer("I would like to send back two of the four cups. How do I get the label?"),
            Agent("I have just sent the label to lena.vogt@example.net. You have 30 days."),
            Customer("Got it. Will I get the postage back too?"),
            Agent("If you keep the other two, we refund the two cups and half of the postage."),
            Customer("That is fair, thank you."),
        ],
    },
    Story {
        name: Some("Marc Dubois"),
        email: Some("marc.dubois@example.com"),
        phone: None,
        page: "https://shop.example/checkout",
        read: true,
        lines: &[
            Customer("Bonjour, can you ship to Réunion?"),
            Agent(
                "Bonjour Marc! Yes, it takes about ten days. The checkout shows the price once you enter the postcode.",
            ),
        ],
    },
    Story {
        name: None,
        email: None,
        phone: None,
        page: "https://shop.example/products/linen-apron",
        read: false,
        lines: &[Customer("Is the linen apron coming back in green?")],
    },
    Story {
        name: Some("Aisha Bello"),
        email: Some("aisha.bello@example.com"),
        phone: Some("+49 30 901820"),
        page: "https://shop.example/orders/10511",
        read: false,
        lines: &[
            Customer("Hello, my order 10511 says «delivered», but there is nothing here."),
            Agent("I am sorry, Aisha. Let me ask the courier where it was left."),
            Customer("Thank you. It is a present for Saturday, so I am a bit nervous."),
            Customer("My neighbours do not have it either."),
        ],
    },
    Story {
        name: Some("Jonas Lindqvist"),
        email: Some("jonas@example.se"),
        phone: None,
        page: "https://shop.example/products/cast-iron-pan-28",
        read: false,
        lines: &[
            Customer("Quick question before I order:"),
            Customer(
                "what is the difference between the 28 cm pan and the «pro» one? They look the same in the pictures, and the description only says that the pro is «for demanding cooks». I mostly make pancakes and the odd steak, so I do not want to pay for something I will not notice.",
            ),
        ],
    },
];

/// Fills an empty store.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn fill(store: &Store) -> Result<(), FillError> {
    let agent = NewAgent {
        username: USERNAME.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
        role: Role::Admin,
        password_hash: hash_password(PASSWORD)?,
    };
    store.add_agent(agent, Actor::CommandLine).await?;
    for story in STORIES {
        tell(store, story).await?;
    }
    Ok(())
}

async fn tell(store: &Store, story: &Story) -> Result<(), WriteError> {
    let details = Details {
        name: story.name.map(str::to_owned),
        email: story.email.map(str::to_owned),
        phone: story.phone.map(str::to_owned),
        page_url: Some(story.page.to_owned()),
    };
    let fresh_token = hash_token(&new_token(TokenKind::Visitor));
    let opened = store
        .open_room(OpenRoom {
            token: None,
            identity: None,
            details,
            fresh_token,
        })
        .await?;
    let room_id = opened.record.room.id;
    let mut seq = 0;
    for line in story.lines {
        seq += 1;
        match line {
            Customer(content) => post(store, room_id, Sender::Customer, content).await?,
            Agent(content) => {
                // Whoever answers has read the question, and is read in turn.
                write(
                    store,
                    room_id,
                    RoomOp::MarkRead {
                        side: Side::Admin,
                        seq: seq - 1,
                    },
                )
                .await?;
                post(store, room_id, mia(), content).await?;
                write(
                    store,
                    room_id,
                    RoomOp::MarkRead {
                        side: Side::Customer,
                        seq,
                    },
                )
                .await?;
            }
            Closed => {
                write(
                    store,
                    room_id,
                    RoomOp::SetStatus {
                        status: Status::Closed,
                        by: mia(),
                    },
                )
                .await?
            }
        }
    }
    if story.read {
        write(
            store,
            room_id,
            RoomOp::MarkRead {
                side: Side::Admin,
                seq,
            },
        )
        .await?;
    }
    Ok(())
}

fn mia() -> Sender {
    Sender::Admin {
        display_name: DISPLAY_NAME.to_owned(),
    }
}

async fn post(
    store: &Store,
    room_id: RoomId,
    sender: Sender,
    content: &str,
) -> Result<(), WriteError> {
    let draft = Draft {
        id: uuid::Uuid::now_v7(),
        sender,
        content: content.to_owned(),
    };
    write(store, room_id, RoomOp::Post(draft)).await
}

/// No room is live yet, so the store is asked directly.
async fn write(store: &Store, room_id: RoomId, op: RoomOp) -> Result<(), WriteError> {
    let (done, outcome) = oneshot::channel();
    store.write_room(
        room_id,
        op,
        Box::new(move |outcome| {
            // Only a caller that has gone does not listen.
            let _ = done.send(outcome);
        }),
    );
    outcome.await.map_err(|_| StoreError::Closed)??;
    Ok(())
}
