//! `make cluster`, without its texts.

#[path = "../../examples/support/cluster.rs"]
#[allow(dead_code)]
mod support;

use rustix::process::{Pid, Signal, kill_process};
use shoptalk_local_servers::{Error, unless_missing};

use self::support::Cluster;
use crate::common::{Response, Rest, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_behind_a_proxy_survive_the_kill_of_one_and_stop_cleanly() {
    let program = env!("CARGO_BIN_EXE_shoptalk").as_ref();
    let started = Cluster::start(program, "127.0.0.1:0".parse().expect("an address")).await;
    let started = started.map_err(|error| match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => panic!("{error:#}"),
    });
    let Some(cluster) = unless_missing(started) else {
        return;
    };
    let proxy = cluster.url.trim_start_matches("http://").parse();
    let proxy = proxy.expect("an address");
    // A connection of its own for each, so that each gets its turn.
    for _ in 0..3 {
        Rest::new(proxy).get("/readyz").await.is(200);
    }
    let page = reqwest::get(&cluster.shop_url).await.expect("a response");
    let page = page.text().await.expect("a page");
    assert!(
        page.contains(&format!("{}/widget.js", cluster.url)),
        "{page}"
    );

    let pid = i32::try_from(cluster.nodes[0].pid).expect("a process id");
    kill_process(Pid::from_raw(pid).expect("a process id"), Signal::KILL).expect("it runs");
    eventually("the others take over", async || {
        let mut ready = 0;
        for _ in 0..3 {
            let rest = Rest::new(proxy);
            let request = rest.request(reqwest::Method::GET, "/readyz");
            ready += usize::from(
                Response::try_to(request)
                    .await
                    .is_ok_and(|it| it.status == 200),
            );
        }
        ready == 3
    })
    .await;
    let directory = cluster.directory.path().to_owned();
    cluster.stop().await.expect("the nodes drain");
    assert!(!directory.exists(), "the data is deleted");
}
