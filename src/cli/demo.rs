use std::net::SocketAddr;

use shoptalk::config::{Config, Overrides};
use shoptalk::{Server, demo};

use super::serve::{Signals, announce, bind, open, until_stopped};
use super::{Failure, block_on, start_tracing};

/// Serves a filled shop from a directory that goes with the process.
pub(super) fn run(listen: Option<SocketAddr>) -> Result<(), Failure> {
    let directory = tempfile::Builder::new()
        .prefix("shoptalk-demo-")
        .tempdir()?;
    // The environment is left out: a demo never touches what is set up for real.
    let overrides = Overrides {
        listen,
        data_dir: Some(directory.path().to_owned()),
    };
    let mut config =
        Config::load(None, [], overrides).map_err(|error| Failure::Usage(error.to_string()))?;
    if !config.server.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "the demo has a password that everybody knows and listens on this machine only, not on {}; \
             use 'shoptalk serve' for others",
            config.server.listen
        )));
    }
    start_tracing(&config.log)?;
    block_on(async {
        let signals = Signals::listen()?;
        let store = open(&config).await?;
        demo::fill(&store).await?;
        let listener = bind(config.server.listen).await?;
        // Another port is another origin: what a shop's own page is to the chat server.
        let elsewhere = bind(SocketAddr::new(config.server.listen.ip(), 0)).await?;
        let shop = format!("http://{}", elsewhere.local_addr()?);
        config.server.allowed_origins.push(shop.clone());
        let server = Server::start_demo(config, listener, store, elsewhere).await?;
        let address = server.local_addr();
        eprintln!("This is a demo: its data go when it ends.");
        eprintln!("Shop: http://{address}/");
        eprintln!("Another shop, on another origin with a strict policy: {shop}/");
        eprintln!("Console: http://{address}/admin/chat");
        eprintln!(
            "Sign in as {} with the password {}",
            demo::USERNAME,
            demo::PASSWORD
        );
        announce(&server)?;
        until_stopped(&server, signals).await
    })
}
