use std::time::{Duration, Instant};

use shoptalk_local_servers::{Error, Postgres, unless_missing};

const DEADLINE: Duration = Duration::from_secs(180);

#[test]
fn databases_are_separate_and_dropped() -> Result<(), Error> {
    let Some(server) = Postgres::shared() else {
        return Ok(());
    };
    let first = server.create_database()?;
    let second = server.create_database()?;
    first.psql("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (2)")?;
    assert_eq!(first.psql("SELECT x, x + 1 FROM t ORDER BY x")?, "1|2\n2|3");
    assert!(second.psql("SELECT x FROM t").is_err());
    let count = |name: &str| {
        let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        server.psql("postgres", &sql)
    };
    let name = first.name().to_owned();
    assert_eq!(count(&name)?, "1");
    drop(first);
    let start = Instant::now();
    while count(&name)? != "0" {
        assert!(start.elapsed() < DEADLINE, "it is dropped");
    }
    Ok(())
}

#[test]
fn a_database_can_be_made_like_another() -> Result<(), Error> {
    let Some(server) = Postgres::shared() else {
        return Ok(());
    };
    let template = server.create_database()?;
    template.psql("CREATE TABLE t (x int); INSERT INTO t VALUES (7)")?;
    let copy = server.create_database_like(template.name())?;
    assert_eq!(copy.psql("SELECT x FROM t")?, "7");
    assert!(copy.dump()?.contains("\n7\n"), "a dump has the rows");
    Ok(())
}

#[test]
fn failed_sql_is_an_error_with_the_cause() -> Result<(), Error> {
    let Some(server) = Postgres::shared() else {
        return Ok(());
    };
    let error = server.psql("postgres", "SELECT 1; SELECT * FROM nothing");
    let error = error.expect_err("there is no such table").to_string();
    assert!(error.contains("\"nothing\" does not exist"), "{error}");
    Ok(())
}

#[test]
fn a_commit_waits_for_its_fsync_and_survives_an_immediate_stop() -> Result<(), Error> {
    let Some(server) = unless_missing(Postgres::start()) else {
        return Ok(());
    };
    let database = server.create_database()?;
    for setting in ["fsync", "synchronous_commit"] {
        assert_eq!(database.psql(&format!("SHOW {setting}"))?, "on");
    }
    database.psql("CREATE TABLE t (x int)")?;
    for round in 1..=3 {
        database.psql(&format!("INSERT INTO t VALUES ({round})"))?;
        server.stop_immediately()?;
        assert!(database.psql("SELECT 1").is_err(), "it is stopped");
        server.start_again()?;
        assert_eq!(database.psql("SELECT max(x) FROM t")?, round.to_string());
    }
    Ok(())
}

#[test]
fn writes_can_be_held_while_reads_go_on() -> Result<(), Error> {
    let Some(server) = Postgres::shared() else {
        return Ok(());
    };
    let database = server.create_database()?;
    database.psql("CREATE TABLE t (x int); INSERT INTO t VALUES (1)")?;
    let held = database.hold_writes()?;
    assert_eq!(database.psql("SELECT x FROM t")?, "1");
    for write in ["UPDATE t SET x = 2", "SELECT x FROM t FOR NO KEY UPDATE"] {
        let tried = database.psql(&format!("SET lock_timeout = '1ms'; {write}"));
        let error = tried.expect_err("it waits").to_string();
        assert!(error.contains("lock timeout"), "{error}");
    }
    drop(held);
    database.psql("UPDATE t SET x = 2")?;
    Ok(())
}

#[test]
fn a_session_keeps_its_transaction() -> Result<(), Error> {
    let Some(server) = Postgres::shared() else {
        return Ok(());
    };
    let database = server.create_database()?;
    let mut session = database.session()?;
    session.run("CREATE TABLE t (x int); BEGIN; INSERT INTO t VALUES (1)")?;
    assert_eq!(session.run("SELECT count(*) FROM t")?, "1\n");
    assert_eq!(database.psql("SELECT count(*) FROM t")?, "0");
    assert!(session.run("SELECT * FROM nothing").is_err());
    assert!(session.run("SELECT 1").is_err(), "it has ended");
    Ok(())
}

#[test]
fn a_setting_can_be_changed_for_good() -> Result<(), Error> {
    let Some(server) = unless_missing(Postgres::start()) else {
        return Ok(());
    };
    server.set("fsync = off")?;
    server.stop_immediately()?;
    server.start_again()?;
    assert_eq!(server.psql("postgres", "SHOW fsync")?, "off");
    Ok(())
}
