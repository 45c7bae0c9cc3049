//! Starts PostgreSQL and NATS for experiments, and keeps them until it is stopped.

use std::process::ExitCode;

use shoptalk_local_servers::{Error, Nats, Postgres};

fn main() -> ExitCode {
    let Err(error) = run();
    eprintln!("{error}");
    ExitCode::FAILURE
}

fn run() -> Result<std::convert::Infallible, Error> {
    let postgres = Postgres::start()?;
    let database = postgres.create_database()?;
    println!("{}", database.url());
    let nats = Nats::start()?;
    println!("{}", nats.url());
    println!("Both end with this process: Ctrl-C");
    loop {
        std::thread::park();
    }
}
