use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Error;

/// Printed after each command; no row of a test looks like it.
const END: &str = "-- end of the reply --";

/// A connection that stays open, so that a transaction can. What it has not committed is rolled
/// back when it is dropped.
pub struct Session {
    psql: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// From a command of `psql` that names the database.
    pub(crate) fn start(mut command: Command) -> Result<Self, Error> {
        let mut psql = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(Error::io("psql"))?;
        let input = psql.stdin.take().expect("it is piped");
        let output = BufReader::new(psql.stdout.take().expect("it is piped"));
        Ok(Self {
            psql,
            input,
            output,
        })
    }

    /// Runs SQL and returns its rows. After an error, which ends the session, the output is cut.
    pub fn run(&mut self, sql: &str) -> Result<String, Error> {
        writeln!(self.input, "{sql};\n\\echo '{END}'").map_err(Error::io("psql"))?;
        let mut rows = String::new();
        for line in self.output.by_ref().lines() {
            let line = line.map_err(Error::io("psql"))?;
            if line == END {
                return Ok(rows);
            }
            rows.push_str(&line);
            rows.push('\n');
        }
        Err(Error::Failed {
            program: "psql".to_owned(),
            output: format!("{rows}{sql} failed; the cause is on stderr"),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}
