//! How long a job waits for a broker that is away.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{ChildStderr, Command, Stdio};
use std::time::Instant;

use segura_broker::net::ReservedPort;
use serde_json::json;

use crate::fake::{Fake, Instead, TOKEN};
use crate::{Run, VALUE, exec, run, segura};

#[test]
fn a_broker_that_is_not_there_is_waited_for_as_long_as_was_said() {
    let nobody = ReservedPort::take().expect("a port");
    let mut broker = Fake::with_value(VALUE);
    broker.url = format!("http://127.0.0.1:{}", nobody.port());
    let started = Instant::now();
    let run = run(exec(&broker, "a > P").env("SEGURA_TIMEOUT", "2s").arg("true"));
    let took = started.elapsed();
    assert_eq!(run.code, 7, "{}", run.err);
    assert!((1..6).contains(&took.as_secs()), "{took:?}");
    assert_eq!(run.err.matches("waiting: cannot connect to").count(), 1, "{}", run.err);
}

#[test]
fn a_broker_that_says_nothing_is_not_waited_for_twice() {
    let broker = Fake::with_value(VALUE);
    for _ in 0..3 {
        broker.next(Instead::Nothing);
    }
    let mut command = segura(&broker);
    command.env("MY_TOKEN", TOKEN).args(["--timeout", "2s", "exec", "--token-env", "MY_TOKEN"]);
    let run = run(command.args(["--secret", "a > P", "--", "true"]));
    assert_eq!(run.code, 7, "{}", run.err);
    assert_eq!(broker.asked("").len(), 1);
}

#[test]
fn a_broker_that_comes_back_in_time_is_found() {
    let reserved = ReservedPort::take().expect("a port");
    let address = SocketAddr::from(([127, 0, 0, 1], reserved.port()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_segura"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("MY_TOKEN", TOKEN);
    command.env("SEGURA_URL", format!("http://{address}")).stdin(Stdio::null());
    command.args(["exec", "--token-env", "MY_TOKEN", "--secret", "a > P", "--", "true"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    read_until("waiting: ", child.stderr.as_mut().expect("piped"));
    let _broker = Fake::at(address, json!({ "value": VALUE }));
    let run = Run::from(child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 0, "{}", run.err);
}

/// Read until this was said.
fn read_until(said: &str, from: &mut ChildStderr) {
    let mut read = Vec::new();
    while !read.ends_with(said.as_bytes()) {
        let mut byte = [0];
        let text = String::from_utf8_lossy(&read);
        from.read_exact(&mut byte).unwrap_or_else(|_| panic!("it only says: {text}"));
        read.extend(byte);
    }
}
