use std::net::SocketAddr;

use shoptalk::config::{Config, Overrides};
use shoptalk::demo;

use super::serve::{Signals, announce, open, start, until_stopped};
use super::{Failure, runtime, start_tracing};

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
    let config =
        Config::load(None, [], overrides).map_err(|error| Failure::Usage(error.to_string()))?;
    if !config.server.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "the demo has a password that everybody knows and listens on this machine only, not on {}; \
             use 'shoptalk serve' for others",
            config.server.listen
        )));
    }
    start_tracing(&config.log)?;
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let store = open(&config).await?;
        demo::fill(&store).await?;
        let server = start(config, store).await?;
        let address = server.local_addr();
        eprintln!("This is a demo: its data go when it ends.");
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
