//! `segura export`: hand secrets to the later steps of a GitHub job.
//!
//! The familiar way, and the wider one: every later step, third-party actions too, has
//! the values. `segura exec` gives them to one command. What GitHub's runner reads is
//! in `plugins`; here it is only written where the runner says, masks first.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use segura_model::wanted::{Binding, BindingForm};
use segura_model::{SecretText, SessionId};
use segura_plugins::mask::SHORTEST;
use segura_plugins::platform::github::export::{
    ENV_FILE, OUTPUT_FILE, can_mask, file_entry, mask_commands,
};
use segura_plugins::{Env, ShortValues};
use segura_sdk::make_request_key;
use serde_json::json;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::CliError;
use crate::exec::ExecError;
use crate::exec::fetch::{Fetched, fetch};
use crate::exec::identity::{Identity, IdentityArgs};
use crate::exec::values::{self, Bound};
use crate::exec::wanted::WantedArgs;
use crate::files;
use crate::print::{self, Format};

/// Hand secrets to the later steps of a GitHub job.
///
/// For the action `segura-security/action`. Prefer `segura exec`, which gives them to
/// one command instead of to every later step. What the runner must hide is written to
/// standard output, with --json to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura export --to env --secret 'db/prod/password > DB_PASSWORD' --session-file $RUNNER_TEMP/session
  segura session end --session-file $RUNNER_TEMP/session")]
pub(crate) struct Args {
    /// Where the values go
    #[arg(long, value_enum, default_value_t = To::Env)]
    to: To,
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Keep the session in this file (0600) for `segura session end`, instead of ending
    /// it at once
    #[arg(long, value_name = "FILE")]
    session_file: Option<PathBuf>,
    /// Take values without a line of 4 characters or more, which cannot be masked
    #[arg(long)]
    allow_unmasked: bool,
}

/// Where the values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// Environment variables of the later steps
    Env,
    /// Files (0600), their paths in environment variables of the later steps
    File,
    /// Outputs of this step
    Outputs,
}

/// Run `segura export`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let Args { to, wanted, identity, session_file, allow_unmasked } = args;
    let bindings = wanted.bindings()?;
    if bindings.is_empty() {
        print::warning("no --secret is named: the later steps get none");
    }
    let place = Place::find(to, &context.env)?;
    let short = if allow_unmasked { ShortValues::LeaveVisible } else { ShortValues::Refuse };
    let (client, within) = (context.client()?, context.timeout()?);
    let identity = Identity::find(&identity, client.url(), context)?;
    context.block_on(async {
        let Fetched { given, session, kept, signals: _signals } =
            fetch(&client, &identity, &bindings, session_file.as_deref(), within).await?;
        let handed = hand_over(&place, session.id, || {
            let bound = values::bind(&bindings, &given)?;
            values::masker(&bound, short)?;
            if short == ShortValues::Refuse {
                refuse_short_lines(&bound)?;
            }
            // Before anything else: the runner must know what to hide when it reads on.
            match context.format() {
                // The runner reads both; standard output may be caught by whoever reads JSON.
                Format::Json => print::raw_beside(masks(&bound).as_bytes())?,
                Format::Person => print::raw(masks(&bound).as_bytes())?,
            }
            Ok(bound)
        });
        if let (Some((mut file, mut kept)), Ok(paths)) = (kept, &handed) {
            // Beside those of earlier calls: the end of the session removes them all.
            kept.files.extend_from_slice(paths);
            file.write(&kept)?;
        }
        let id = session.id;
        session.close().await;
        let files = handed?;
        match context.format() {
            Format::Json => {
                print::result(Format::Json, &answer(to, id, &bindings, &files), |_| String::new())
            }
            Format::Person => Ok(()),
        }
    })
}

fn answer(
    to: To,
    session: SessionId,
    bindings: &[Binding],
    files: &[PathBuf],
) -> serde_json::Value {
    let names: Vec<String> = bindings.iter().map(|binding| binding.name.to_string()).collect();
    let to = to.to_possible_value().map(|to| to.get_name().to_owned());
    json!({"session": session, "to": to, "exported": names, "files": files})
}

/// The runner hides line by line, so a value needs one that is long enough.
fn refuse_short_lines(bound: &[Bound]) -> Result<(), ExecError> {
    match bound.iter().find(|bound| !can_mask(&bound.value)) {
        None => Ok(()),
        Some(Bound { name, .. }) => Err(ExecError::Mask {
            name: name.clone(),
            why: format!(
                "none of its lines has {SHORTEST} characters; --allow-unmasked leaves it visible"
            ),
        }),
    }
}

fn masks(bound: &[Bound]) -> Zeroizing<String> {
    let commands: Vec<_> = bound.iter().flat_map(|bound| mask_commands(&bound.value)).collect();
    joined(&commands, "\n")
}

/// Write the values where the runner reads them; the paths of the files that were made.
fn hand_over(
    place: &Place,
    session: SessionId,
    bind: impl FnOnce() -> Result<Vec<Bound>, CliError>,
) -> Result<Vec<PathBuf>, CliError> {
    let bound = bind()?;
    let mut files = Vec::new();
    write_all(place, session, &bound, &mut files).inspect_err(|_| {
        // Nobody will be told of them: they would stay for whoever comes next.
        for path in &files {
            drop(std::fs::remove_file(path));
        }
    })?;
    Ok(files)
}

fn write_all(
    place: &Place,
    session: SessionId,
    bound: &[Bound],
    files: &mut Vec<PathBuf>,
) -> Result<(), CliError> {
    let mut entries = Vec::with_capacity(bound.len());
    for Bound { name, form, value } in bound {
        entries.push(if place.to == To::File || *form == BindingForm::File {
            let path = place.folder.join(format!("segura-{name}-{}", make_request_key()));
            // EXPOSE: the file is where the user asked the value to go.
            files::create_private(&path, value.expose().as_bytes())?;
            let shown = SecretText::new(path.display().to_string());
            files.push(path);
            entry(name, &shown)?
        } else {
            entry(name, value)?
        });
    }
    append(&place.file, &joined(&entries, ""))?;
    if let Some(outputs) = &place.outputs {
        append(outputs, &format!("session-id={session}\n"))?;
    }
    Ok(())
}

/// Where this job's runner reads from.
struct Place {
    to: To,
    file: PathBuf,
    outputs: Option<PathBuf>,
    folder: PathBuf,
}

impl Place {
    fn find(to: To, env: &dyn Env) -> Result<Self, ExecError> {
        let path = |variable| env.filled(variable).map(PathBuf::from);
        let needed = |variable| path(variable).ok_or(ExecError::ExportPlace { variable });
        let file = needed(if to == To::Outputs { OUTPUT_FILE } else { ENV_FILE })?;
        Ok(Self { to, file, outputs: path(OUTPUT_FILE), folder: needed("RUNNER_TEMP")? })
    }
}

fn entry(name: &str, value: &SecretText) -> Result<SecretText, ExecError> {
    let delimiter = format!("segura_{}", make_request_key());
    file_entry(name, value, &delimiter).ok_or_else(|| ExecError::NotForEnvironment {
        name: name.to_owned(),
        why: "has a NUL character, which no variable can hold",
    })
}

/// All texts, each with its `end`, in one that is wiped.
fn joined(texts: &[SecretText], end: &str) -> Zeroizing<String> {
    let mut all = Zeroizing::new(String::new());
    for text in texts {
        // EXPOSE: both are made for the runner to read.
        all.push_str(text.expose());
        all.push_str(end);
    }
    all
}

fn append(path: &Path, text: &str) -> Result<(), ExecError> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| ExecError::Export { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use segura_plugins::MapEnv;

    use super::*;

    fn bound(form: BindingForm) -> Vec<Bound> {
        vec![Bound { name: "DB".to_owned(), form, value: SecretText::new("hunter2\nline two") }]
    }

    fn export(to: To, form: BindingForm) -> (Vec<PathBuf>, String, String, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let env = MapEnv::new([
            ("GITHUB_ENV", path("env")),
            ("GITHUB_OUTPUT", path("output")),
            ("RUNNER_TEMP", path("")),
        ]);
        let place = Place::find(to, &env).unwrap();
        let id = "01JDGW5E6Y3X9T2K8M4Q7R0BVC".parse().unwrap();
        let files = hand_over(&place, id, || Ok(bound(form))).unwrap();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap_or_default();
        let texts = (read("env"), read("output"));
        (files, texts.0, texts.1, folder)
    }

    #[test]
    fn values_go_to_the_environment_of_later_steps() {
        let (files, env, output, _folder) = export(To::Env, BindingForm::Env);
        let lines: Vec<_> = env.lines().collect();
        assert_eq!(lines[1..3], ["hunter2", "line two"]);
        assert_eq!(lines[0], format!("DB<<{}", lines[3]));
        assert_eq!(output, "session-id=01JDGW5E6Y3X9T2K8M4Q7R0BVC\n");
        assert!(files.is_empty());
    }

    #[test]
    fn every_line_of_a_value_is_masked() {
        let masks = masks(&bound(BindingForm::Env));
        let lines: Vec<_> = masks.lines().take(2).collect();
        assert_eq!(lines, ["::add-mask::hunter2", "::add-mask::line two"]);
    }

    #[test]
    fn a_value_without_a_line_to_mask_is_refused_by_its_name() {
        let short = |text: &str| {
            let value = SecretText::new(text);
            refuse_short_lines(&[Bound { name: "PIN".to_owned(), form: BindingForm::Env, value }])
        };
        let refused = short("123\n456\n789").unwrap_err().to_string();
        assert!(refused.contains("PIN") && refused.contains("--allow-unmasked"), "{refused}");
        assert!(short("123\n4567\n89").is_ok());
    }

    #[test]
    fn values_go_to_outputs() {
        let (_, env, output, _folder) = export(To::Outputs, BindingForm::Env);
        assert_eq!(env, "");
        assert!(output.starts_with("DB<<segura_") && output.contains("\nhunter2\n"), "{output}");
    }

    #[test]
    fn a_file_is_private_and_its_path_is_what_is_exported() {
        for (to, form) in [(To::File, BindingForm::Env), (To::Env, BindingForm::File)] {
            let (files, env, _, _folder) = export(to, form);
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&files[0]).unwrap());
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), "hunter2\nline two");
            assert!(env.contains(files[0].to_str().unwrap()) && !env.contains("hunter2"));
        }
    }

    #[test]
    fn an_export_that_fails_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let env = MapEnv::new([
            ("GITHUB_ENV", "/no/such/folder/env".to_owned()),
            ("RUNNER_TEMP", folder.path().display().to_string()),
        ]);
        let place = Place::find(To::File, &env).unwrap();
        let id = "01JDGW5E6Y3X9T2K8M4Q7R0BVC".parse().unwrap();
        assert!(hand_over(&place, id, || Ok(bound(BindingForm::Env))).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn outside_a_github_job_there_is_nowhere_to_export_to() {
        let refused = Place::find(To::Env, &MapEnv::default()).err().unwrap().to_string();
        assert!(refused.contains("GITHUB_ENV"), "{refused}");
    }
}
