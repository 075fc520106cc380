//! Signals that come before the command runs.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::fake::{Fake, Instead};
use crate::{Run, VALUE, exec};

/// `segura exec` of a command that says so if it runs, as soon as it asks for a delivery.
fn asking(broker: &Fake, instead: Instead) -> Child {
    broker.next(instead);
    let mut command = exec(broker, "a > P");
    command.args(["echo", "it ran"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    while broker.asked("POST /api/v2/deliveries").is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn signal(name: &str, child: &Child) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

fn ended(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_signal_before_the_answer_ends_the_session_that_the_answer_brings() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3)] {
        let broker = Fake::with_value(VALUE);
        let (tell, told) = mpsc::channel();
        let child = asking(&broker, Instead::Later(told));
        signal(name, &child);
        std::thread::sleep(Duration::from_millis(50));
        tell.send(()).expect("the broker waits");

        let run = ended(child);

        assert_eq!((run.code, run.out.as_str()), (128 + number, ""), "{name}: {}", run.err);
        assert!(run.err.contains(&format!("signal {number} came")), "{}", run.err);
        assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), 1, "{name}");
    }
}

#[test]
fn a_broker_that_says_nothing_does_not_hold_up_a_job_that_was_cancelled() {
    let broker = Fake::with_value(VALUE);
    let child = asking(&broker, Instead::Nothing);
    let begun = Instant::now();
    signal("TERM", &child);
    assert_eq!(ended(child).code, 128 + 15);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
