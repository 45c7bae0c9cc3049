use shoptalk_local_servers::{Error, Postgres, Replication, unless_missing};

#[test]
fn a_promoted_synchronous_standby_has_what_was_committed() -> Result<(), Error> {
    let Some(first) = unless_missing(Postgres::start()) else {
        return Ok(());
    };
    let database = first.create_database()?;
    let name = database.name();
    database.psql("CREATE TABLE t (x int)")?;
    let standby = first.start_standby(Replication::Synchronous)?;
    database.psql("INSERT INTO t VALUES (1)")?;
    assert!(standby.psql(name, "INSERT INTO t VALUES (2)").is_err());
    first.stop_immediately()?;
    standby.promote()?;
    assert_eq!(standby.psql(name, "SELECT x FROM t")?, "1");

    // It can have a standby itself.
    let third = standby.start_standby(Replication::Synchronous)?;
    standby.psql(name, "INSERT INTO t VALUES (2)")?;
    standby.stop_immediately()?;
    third.promote()?;
    third.psql(name, "INSERT INTO t VALUES (3)")?;
    assert_eq!(third.psql(name, "SELECT x FROM t ORDER BY x")?, "1\n2\n3");
    Ok(())
}

#[test]
fn an_asynchronous_standby_does_not_delay_commits() -> Result<(), Error> {
    let Some(first) = unless_missing(Postgres::start()) else {
        return Ok(());
    };
    let database = first.create_database()?;
    database.psql("CREATE TABLE t (x int)")?;
    let standby = first.start_standby(Replication::Asynchronous)?;
    standby.stop_immediately()?;
    database.psql("INSERT INTO t VALUES (1)")?;
    standby.start_again()?;
    Ok(())
}
