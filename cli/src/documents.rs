//! The files of `-f FILE|-|DIR`: what `apply` reads.
//!
//! A directory stands for the `.yaml`, `.yml` and `.json` files below it, in the order
//! of their names. Hidden ones are left out: editors and version control keep theirs
//! there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::files;

/// A file to apply.
pub(crate) struct Document {
    /// Its name, for messages.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
}

/// Read what was named; a directory without any such file is an error.
pub(crate) fn read(named: &[PathBuf]) -> Result<Vec<Document>, CliError> {
    let mut paths = Vec::new();
    for path in named {
        if path.is_dir() {
            let before = paths.len();
            collect(path, 0, &mut paths)?;
            if paths.len() == before {
                let path = path.display();
                return Err(CliError::Usage(format!("{path} holds no .yaml, .yml or .json file")));
            }
        } else {
            paths.push(path.clone());
        }
    }
    paths.iter().map(|path| document(path)).collect()
}

fn document(path: &Path) -> Result<Document, CliError> {
    let name = if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    Ok(Document { name, text: files::read_text(path, LIMIT)? })
}

fn collect(directory: &Path, depth: u32, paths: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let failed = |source| CliError::Read { path: directory.to_owned(), source };
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            // The bound also ends a loop of symbolic links.
            if depth < DEPTH {
                collect(&path, depth + 1, paths)?;
            }
        } else if path.extension().is_some_and(|kind| {
            ["yaml", "yml", "json"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        }) {
            paths.push(path);
        }
        if paths.len() > COUNT {
            return Err(CliError::Usage(format!("more than {COUNT} files: apply fewer at once")));
        }
    }
    Ok(())
}

const LIMIT: u64 = 8 << 20;
const DEPTH: u32 = 8;
const COUNT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("team")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for name in ["b.yaml", "a.yml", "team/c.json", ".git/d.yaml", "README.md", ".e.yaml"] {
            fs::write(root.join(name), name).unwrap();
        }
        let texts: Vec<_> =
            read(&[root.to_owned()]).unwrap().into_iter().map(|file| file.text).collect();
        assert_eq!(texts, ["a.yml", "b.yaml", "team/c.json"]);
    }

    #[test]
    fn a_directory_without_files_is_an_error_and_not_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(&[directory.path().to_owned()]).is_err());
    }
}
