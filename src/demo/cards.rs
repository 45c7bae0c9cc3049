//! What the sample shop knows about those of its customers who have signed in.

use crate::cards::Card;

struct SampleCustomer {
    /// The `sub` of their signed identity.
    user: &'static str,
    /// Their address in the sample conversations.
    email: &'static str,
    cards: &'static [SampleCard],
}

struct SampleCard {
    title: &'static str,
    lines: &'static [&'static str],
    link: Option<&'static str>,
}

const CUSTOMERS: &[SampleCustomer] = &[
    SampleCustomer {
        user: "c-1003",
        email: "tomas.herrera@example.com",
        cards: &[SampleCard {
            title: "Order 10482",
            lines: &["Oak serving board", "45 €, paid", "Delivered"],
            link: Some("https://shop.example/orders/10482"),
        }],
    },
    SampleCustomer {
        user: "c-998",
        email: "s.okafor@example.com",
        cards: &[
            SampleCard {
                title: "Order 10455",
                lines: &["12 enamel bowls", "168 €, paid by invoice", "Delivered"],
                link: Some("https://shop.example/orders/10455"),
            },
            SampleCard {
                title: "Business customer",
                lines: &["Okafor Catering Ltd"],
                link: None,
            },
        ],
    },
    SampleCustomer {
        user: "c-990",
        email: "lena.vogt@example.net",
        cards: &[SampleCard {
            title: "Order 10468",
            lines: &[
                "4 stoneware cups",
                "52 €, paid",
                "2 cups are on their way back",
            ],
            link: Some("https://shop.example/orders/10468"),
        }],
    },
    SampleCustomer {
        user: "c-871",
        email: "oskar.nowak@example.pl",
        cards: &[SampleCard {
            title: "Order 9981",
            lines: &["Pepper mill, oak", "39 €, paid", "Delivered"],
            link: Some("https://shop.example/orders/9981"),
        }],
    },
    SampleCustomer {
        user: "c-1022",
        email: "ben.carter@example.com",
        cards: &[SampleCard {
            title: "Order 10520",
            lines: &["4 stoneware cups, oat", "52 €, paid", "Not packed yet"],
            link: Some("https://shop.example/orders/10520"),
        }],
    },
    SampleCustomer {
        user: "c-1017",
        email: "aisha.bello@example.com",
        cards: &[
            SampleCard {
                title: "Order 10511",
                lines: &[
                    "Cast-iron pan 28 cm, gift wrap",
                    "84 €, paid",
                    "Delivered to the caretaker",
                ],
                link: Some("https://shop.example/orders/10511"),
            },
            SampleCard {
                title: "Order 10377",
                lines: &["2 linen aprons, sand", "58 €, paid", "Delivered"],
                link: Some("https://shop.example/orders/10377"),
            },
        ],
    },
    SampleCustomer {
        user: "c-1031",
        email: "fatima@example.org",
        cards: &[SampleCard {
            title: "Voucher AUTUMN10",
            lines: &[
                "10 % off, from 50 €",
                "Used in order 10499, which was cancelled",
            ],
            link: Some("https://shop.example/orders/10499"),
        }],
    },
];

/// The user whose address this is, if they have signed in.
pub(super) fn user_of(email: &str) -> Option<&'static str> {
    let mut customers = CUSTOMERS.iter();
    let customer = customers.find(|customer| customer.email == email)?;
    Some(customer.user)
}

/// The sample shop's cards about a user; none about one whom it does not know.
#[must_use]
pub fn cards_of(user: &str) -> Vec<Card> {
    let customers = CUSTOMERS.iter();
    let cards = customers
        .filter(|customer| customer.user == user)
        .flat_map(|customer| customer.cards);
    let cards = cards.map(|card| Card {
        title: card.title.to_owned(),
        lines: card.lines.iter().map(|&line| line.to_owned()).collect(),
        link: card.link.map(str::to_owned),
    });
    cards.collect()
}
