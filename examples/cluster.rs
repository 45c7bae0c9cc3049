//! Three nodes on one PostgreSQL and one NATS, behind a proxy that takes turns: `make cluster`.
//!
//! Everything is started from the programs that are installed, on free ports of this machine, and
//! its data is deleted when it ends. Kill a node and watch: its visitors and agents go on at another
//! one, and nothing that was acknowledged is lost.

#[path = "support/cluster.rs"]
mod cluster;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use shoptalk::demo;

use self::cluster::Cluster;

#[tokio::main]
async fn main() -> Result<()> {
    let listen = std::env::args().nth(1);
    let listen: SocketAddr = listen.as_deref().unwrap_or("127.0.0.1:8001").parse()?;
    let example = std::env::current_exe()?;
    // Examples are one directory below the binaries.
    let directory = example.parent().and_then(|path| path.parent());
    let program = directory.context("a directory")?.join("shoptalk");
    let cluster = Cluster::start(&program, listen).await?;
    print(&cluster);
    tokio::signal::ctrl_c().await?;
    println!("draining");
    cluster.stop().await
}

fn print(cluster: &Cluster) {
    println!("This is a demo. Its data is deleted when it ends.");
    println!("Shop:       {}/", cluster.shop_url);
    println!("Console:    {}/admin/chat", cluster.url);
    println!(
        "            sign in as {} with password {}",
        demo::USERNAME,
        demo::PASSWORD
    );
    println!("PostgreSQL: {}", cluster.database_url);
    println!("NATS:       {}", cluster.bus_url);
    println!(
        "Logs:       {}/node-*/log",
        cluster.directory.path().display()
    );
    for (index, node) in cluster.nodes.iter().enumerate() {
        let number = index + 1;
        println!(
            "Node {number}:     http://{}   kill -9 {}",
            node.addr, node.pid
        );
    }
    println!("Kill a node and watch the chat go on. Ctrl-C ends everything.");
}
