use std::net::SocketAddr;

use shoptalk::config::{CardsConfig, Config, Overrides, Secret};
use shoptalk::credentials::random_code;
use shoptalk::{Server, demo};
use url::Url;

use super::serve::{Signals, announce, bind, open, until_stopped};
use super::{Failure, block_on, start_tracing};

/// Serves sample data from a directory that is removed when the process ends.
pub(super) fn run(listen: Option<SocketAddr>) -> Result<(), Failure> {
    let directory = tempfile::Builder::new()
        .prefix("shoptalk-demo-")
        .tempdir()?;
    // The environment is ignored: a demo never touches a real installation.
    let overrides = Overrides {
        listen,
        data_dir: Some(directory.path().to_owned()),
    };
    let mut config =
        Config::load(None, [], overrides).map_err(|error| Failure::Usage(error.to_string()))?;
    if !config.server.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "the demo has a well-known password, so it listens on loopback addresses only, not on {}; \
             run 'shoptalk serve' to serve other machines",
            config.server.listen
        )));
    }
    start_tracing(&config.log)?;
    block_on(async {
        let signals = Signals::listen()?;
        let store = open(&config).await?;
        demo::fill(&store).await?;
        let listener = bind(config.server.listen).await?;
        // Another port is another origin, as a shop's own page is for the chat server.
        let other_listener = bind(SocketAddr::new(config.server.listen.ip(), 0)).await?;
        let shop = format!("http://{}", other_listener.local_addr()?);
        config.server.allowed_origins.push(shop.clone());
        config.cards = Some(CardsConfig {
            url: Url::parse(&format!("{shop}/cards")).expect("an address is a URL"),
            secret: Secret::new(random_code()),
            allow_private: true,
        });
        let cards_of = demo::cards_of;
        let server = Server::start_demo(config, listener, store, other_listener, cards_of).await?;
        let address = server.local_addr();
        eprintln!("This is a demo. Its data is deleted when it ends.");
        eprintln!("Shop: http://{address}/");
        eprintln!("Shop on another origin, with a strict policy: {shop}/");
        eprintln!("Console: http://{address}/admin/chat");
        eprintln!(
            "Sign in as {} with password {}",
            demo::USERNAME,
            demo::PASSWORD
        );
        announce(&server)?;
        until_stopped(&server, signals).await
    })
}
