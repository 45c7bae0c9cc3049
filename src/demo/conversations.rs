//! The sample conversations.

use Line::{Agent, Closed, Visitor};

/// One entry of a sample conversation.
pub(super) enum Line {
    Visitor(&'static str),
    Agent(&'static str),
    Closed,
}

/// A sample conversation.
pub(super) struct Conversation {
    pub(super) name: Option<&'static str>,
    pub(super) email: Option<&'static str>,
    pub(super) phone: Option<&'static str>,
    pub(super) page: &'static str,
    /// When the last line was written.
    pub(super) minutes_ago: u64,
    /// Whether the agents have read all of it.
    pub(super) read: bool,
    pub(super) lines: &'static [Line],
}

/// Minutes of a day.
pub(super) const DAY: u64 = 24 * 60;
/// The oldest first, so that waiting conversations are listed in this order.
pub(super) const CONVERSATIONS: &[Conversation] = &[
    Conversation {
        name: Some("Tomás Herrera"),
        email: Some("tomas.herrera@example.com"),
        phone: None,
        page: "https://shop.example/orders/10482",
        minutes_ago: 8 * DAY + 95,
        read: true,
        lines: &[
            Visitor(
                "Hi, I ordered the oak serving board (order 10482) and the box came with a dent.",
            ),
            Visitor("The board itself looks fine, just telling you."),
            Agent(
                "Thank you for letting us know, Tomás! I have passed it on to our parcel service.",
            ),
            Agent("If you find any mark on the board after all, write here and we send a new one."),
            Visitor("Great service, thanks!"),
            Agent("Enjoy it. 🙂"),
            Closed,
        ],
    },
    Conversation {
        name: Some("Hannah Whitfield"),
        email: Some("hannah.whitfield@example.co.uk"),
        phone: None,
        page: "https://shop.example/products/cooks-knife",
        minutes_ago: 6 * DAY + 310,
        read: true,
        lines: &[
            Visitor("Is the cook's knife all right for a left-hander?"),
            Agent("Yes. It is ground the same on both sides, and the handle is straight."),
            Visitor("Wonderful, most are not."),
            Agent("I am left-handed myself. 😊"),
            Closed,
        ],
    },
    Conversation {
        name: Some("Giulia Conti"),
        email: Some("giulia.conti@example.it"),
        phone: None,
        page: "https://shop.example/checkout",
        minutes_ago: 5 * DAY + 40,
        read: true,
        lines: &[
            Visitor("The checkout says that my postcode is wrong: 00184, Roma."),
            Agent("It should take that one. Do you have a blank before or after it?"),
            Visitor("Ah. Yes. It came along when I pasted it. 🤦"),
            Agent("It happens to the best of us. Is it through now?"),
            Visitor("It is, thank you!"),
            Closed,
        ],
    },
    Conversation {
        name: Some("Samuel Okafor"),
        email: Some("s.okafor@example.com"),
        phone: Some("+44 161 496 0345"),
        page: "https://shop.example/orders/10455",
        minutes_ago: 4 * DAY + 205,
        read: true,
        lines: &[
            Visitor("I need an invoice with my company's name on it for order 10455."),
            Agent("Of course. Which name and address should it have?"),
            Visitor("Okafor Catering Ltd\n18 Mill Lane\nManchester M4 6AX"),
            Agent("It is in your mail. The order number stands on it, too."),
            Closed,
        ],
    },
    Conversation {
        name: Some("Ingrid Solberg"),
        email: Some("ingrid.solberg@example.no"),
        phone: None,
        page: "https://shop.example/products/mixing-bowls",
        minutes_ago: 3 * DAY + 20,
        read: true,
        lines: &[
            Visitor("Can the enamel bowls go into the oven?"),
            Agent("Up to 250 °C, without their lids. Not into the microwave, though."),
            Visitor("Clear, thanks. I take two sets."),
            Closed,
        ],
    },
    Conversation {
        name: Some("Marc Dubois"),
        email: Some("marc.dubois@example.com"),
        phone: None,
        page: "https://shop.example/checkout",
        minutes_ago: 2 * DAY + 130,
        read: true,
        lines: &[
            Visitor("Bonjour, can you ship to Réunion?"),
            Agent(
                "Bonjour Marc! Yes, it takes about ten days. The checkout shows the price once you enter the postcode.",
            ),
        ],
    },
    Conversation {
        name: Some("Wei Zhang"),
        email: Some("wei.zhang@example.com"),
        phone: None,
        page: "https://shop.example/care/cast-iron",
        minutes_ago: DAY + 600,
        read: true,
        lines: &[
            Visitor("My pan has orange spots after the dishwasher. Is it ruined?"),
            Agent(
                "Not at all, that is only rust on the surface. Rub it off with salt and a little oil, then leave the pan in the oven at 200 °C for an hour.",
            ),
            Agent("There are pictures here: https://shop.example/care/cast-iron"),
            Visitor("It worked! Looks better than before."),
            Agent("Lovely. And from now on by hand, please. 😉"),
            Closed,
        ],
    },
    Conversation {
        name: Some("Lena Vogt"),
        email: Some("lena.vogt@example.net"),
        phone: None,
        page: "https://shop.example/returns",
        minutes_ago: DAY + 75,
        read: true,
        lines: &[
            Visitor("I would like to send back two of the four cups. How do I get the label?"),
            Agent("I have just sent the label to lena.vogt@example.net. You have 30 days."),
            Visitor("Got it. Will I get the postage back too?"),
            Agent("If you keep the other two, we refund the two cups and half of the postage."),
            Visitor("That is fair, thank you."),
            Agent("You are welcome, Lena."),
        ],
    },
    Conversation {
        name: None,
        email: None,
        phone: None,
        page: "https://shop.example/",
        minutes_ago: 22 * 60,
        read: true,
        lines: &[
            Visitor("are you open on saturday"),
            Agent("The shop is, from 10 to 14. The chat rests until Monday."),
            Visitor("ok thx"),
            Closed,
        ],
    },
    Conversation {
        name: Some("Priya Nair"),
        email: Some("priya@example.org"),
        phone: Some("+44 20 7946 0958"),
        page: "https://shop.example/products/blue-kettle",
        minutes_ago: 5 * 60 + 12,
        read: true,
        lines: &[
            Visitor("Does the blue kettle work on an induction hob?"),
            Agent("Yes, all of our kettles have a steel base. It takes up to 1.7 litres."),
            Visitor("Perfect. And does it whistle?"),
            Agent("It does, but you can flip the whistle up if you like it quiet."),
            Visitor("Sold :)"),
            Agent("Lovely! Here is how to look after it: https://shop.example/care/kettles"),
        ],
    },
    Conversation {
        name: Some("Oskar Nowak"),
        email: Some("oskar.nowak@example.pl"),
        phone: None,
        page: "https://shop.example/products/pepper-mill",
        minutes_ago: 4 * 60 + 33,
        read: true,
        lines: &[
            Visitor("Do you have the screw on top of the pepper mill as a spare part?"),
            Agent("We do, it costs 3 €. Shall I put one into an envelope for you?"),
            Visitor("Please. My address is the same as in order 9981."),
            Agent("It goes out this afternoon."),
        ],
    },
    Conversation {
        name: Some("Chloé Martin"),
        email: Some("chloe.martin@example.fr"),
        phone: None,
        page: "https://shop.example/products/linen-apron",
        minutes_ago: 3 * 60 + 5,
        read: true,
        lines: &[
            Visitor("How long are the apron's strings? I like to tie them in front."),
            Agent("Each is 95 cm, that goes around twice on most of us."),
            Visitor("Then I take the sand one. Merci !"),
            Agent("Avec plaisir !"),
        ],
    },
    Conversation {
        name: Some("Ben Carter"),
        email: Some("ben.carter@example.com"),
        phone: None,
        page: "https://shop.example/orders/10520",
        minutes_ago: 2 * 60 + 18,
        read: true,
        lines: &[
            Visitor("Can I still change the colour of the cups in order 10520?"),
            Agent("Just in time, it is not packed yet. Which ones would you like?"),
            Visitor("All four in oat instead of sage, please."),
            Agent("Changed. You get a new confirmation in a minute."),
        ],
    },
    Conversation {
        name: Some("Yuki Tanaka"),
        email: Some("yuki.tanaka@example.jp"),
        phone: None,
        page: "https://shop.example/products/oak-serving-board",
        minutes_ago: 74,
        read: true,
        lines: &[
            Visitor("Could you engrave a name on the board? 田中"),
            Agent("We can, up to twelve characters, also these. It adds four days and 9 €."),
            Visitor("I will ask my husband and come back."),
            Agent("Take your time, this conversation stays open."),
        ],
    },
    Conversation {
        name: Some("Aisha Bello"),
        email: Some("aisha.bello@example.com"),
        phone: Some("+49 30 901820"),
        page: "https://shop.example/orders/10511",
        minutes_ago: 41,
        read: false,
        lines: &[
            Visitor("Hello, my order 10511 says \"delivered\", but there is nothing here."),
            Agent("I am sorry, Aisha. Let me ask the courier where it was left."),
            Visitor("Thank you. It is a present for Saturday, so I am a bit nervous."),
            Visitor("My neighbours do not have it either."),
        ],
    },
    Conversation {
        name: Some("Dimitris Pappas"),
        email: Some("d.pappas@example.gr"),
        phone: None,
        page: "https://shop.example/wholesale",
        minutes_ago: 26,
        read: true,
        lines: &[Visitor(
            "We run a small hotel and would need forty of the stoneware cups by March. Is that possible at all, and is there a price for that many?",
        )],
    },
    Conversation {
        name: None,
        email: None,
        phone: None,
        page: "https://shop.example/products/linen-apron",
        minutes_ago: 17,
        read: false,
        lines: &[Visitor("Is the linen apron coming back in green?")],
    },
    Conversation {
        name: Some("Fatima Zahra"),
        email: Some("fatima@example.org"),
        phone: None,
        page: "https://shop.example/checkout",
        minutes_ago: 9,
        read: false,
        lines: &[
            Visitor("My voucher AUTUMN10 is not accepted."),
            Visitor("It says \"already used\", but I have not used it."),
            Visitor("The order is 58 €, it should be enough for it, should it not?"),
        ],
    },
    Conversation {
        name: Some("Rosa Lindgren"),
        email: Some("rosa.lindgren@example.se"),
        phone: None,
        page: "https://shop.example/products/blue-kettle",
        minutes_ago: 5,
        read: false,
        lines: &[
            Visitor("Is the kettle in stock in the shop today? I could come by at four."),
            Agent("Two are left. Shall I put one aside for you?"),
            Visitor("Yes please! Rosa, at four."),
        ],
    },
    Conversation {
        name: Some("Jonas Lindqvist"),
        email: Some("jonas@example.se"),
        phone: None,
        page: "https://shop.example/products/cast-iron-pan-28",
        minutes_ago: 2,
        read: false,
        lines: &[
            Visitor("Quick question before I order:"),
            Visitor(
                "what is the difference between the 28 cm pan and the \"pro\" one? They look the same in the pictures, and the description only says that the pro is \"for demanding cooks\". I mostly make pancakes and the odd steak, so I do not want to pay for something I will not notice.",
            ),
        ],
    },
];
