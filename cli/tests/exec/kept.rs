//! Sessions that are kept in a file for later calls.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::fake::{Fake, Instead, TOKEN, refusal};
use crate::{Run, VALUE, run, segura};

/// A GitHub job with a folder of its own, in which its session is kept.
struct Job {
    broker: Fake,
    folder: TempDir,
}

impl Job {
    fn new() -> Self {
        Self { broker: Fake::with_value(VALUE), folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whatever `segura` is to do with the session in the file.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = segura(&self.broker);
        self.run_with(command.args(arguments))
    }

    fn run_with(&self, command: &mut Command) -> Run {
        for (variable, file) in
            [("GITHUB_ENV", "env"), ("GITHUB_OUTPUT", "output"), ("RUNNER_TEMP", ".")]
        {
            command.env(variable, self.path(file));
        }
        run(command.env("MY_TOKEN", TOKEN).arg("--session-file").arg(self.path("session")))
    }

    fn export(&self, to: &str, secret: &str) -> Run {
        self.run(&["export", "--token-env", "MY_TOKEN", "--to", to, "--secret", secret])
    }

    /// The files that hold values.
    fn value_files(&self) -> Vec<PathBuf> {
        let all = self.folder.path().read_dir().expect("a folder").flatten();
        all.map(|entry| entry.path())
            .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text == VALUE))
            .collect()
    }

    fn asked(&self, what: &str) -> usize {
        self.broker.asked(what).len()
    }
}

const DELIVERY: &str = "POST /api/v2/deliveries";
const END: &str = "POST /api/v2/sessions/self/end";

#[test]
fn a_session_that_is_too_old_for_a_secret_makes_way_for_a_new_one() {
    let job = Job::new();
    assert_eq!(job.export("env", "a > P").code, 0);
    job.broker.next(Instead::Answer(403, refusal(403, "session-too-old")));

    let second = job.export("env", "b > Q");

    assert_eq!(second.code, 0, "{}", second.err);
    assert_eq!(job.asked(DELIVERY), 2);
    assert_eq!(job.asked(END), 1, "the file knows one session: the other was ended");
    assert_eq!(job.run(&["session", "end"]).code, 0);
    assert_eq!(job.asked(END), 2);
}

#[test]
fn a_secret_that_is_refused_costs_no_second_session() {
    let job = Job::new();
    assert_eq!(job.export("env", "a > P").code, 0);
    job.broker.next(Instead::Answer(403, refusal(403, "policy-mismatch")));
    assert_eq!(job.export("env", "b > Q").code, 4);
    assert_eq!((job.asked(DELIVERY), job.asked(END)), (1, 0));
}

#[test]
fn a_job_with_one_token_is_told_that_its_session_is_too_old() {
    let job = Job::new();
    let exec = || {
        let mut command = segura(&job.broker);
        command.env("GITLAB_CI", "true").env("CI_JOB_ID", "4711");
        command.env("TMPDIR", job.folder.path()).env("SEGURA_ID_TOKEN", TOKEN);
        run(command.args(["exec", "--secret", "a > P", "--", "true"]))
    };
    assert_eq!(exec().code, 0);
    job.broker.next(Instead::Answer(403, refusal(403, "session-too-old")));
    let told = exec();
    assert!(told.code == 4 && told.err.contains("a test said so"), "{}", told.err);
    assert_eq!((job.asked(DELIVERY), job.asked(END)), (1, 0));
}

#[test]
fn the_end_of_a_session_removes_the_files_of_every_export() {
    let job = Job::new();
    let first = job.export("file", "a > P");
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(job.export("file", "b > Q").code, 0, "by the session of the first");
    assert_eq!(job.asked(DELIVERY), 1);
    job.broker.next(Instead::Answer(401, refusal(401, "session-ended")));
    assert_eq!(job.export("file", "c > R").code, 0, "by a session of its own");
    assert_eq!(job.asked(DELIVERY), 2);
    assert_eq!(job.export("env", "d > S").code, 0, "without a file");
    let files = job.value_files();
    assert_eq!(files.len(), 3, "{files:?}");

    assert_eq!(job.run(&["session", "end"]).code, 0);

    assert_eq!(job.value_files(), Vec::<PathBuf>::new());
    assert!(!job.path("session").exists());
}
