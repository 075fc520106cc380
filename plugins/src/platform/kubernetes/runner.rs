//! A pod's token: the file of a projected volume, at one agreed place.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::PlatformError;
use crate::job::Files;
use crate::platform::generic::read_token;
use crate::token::IdToken;

pub(super) fn id_token(files: &dyn Files) -> Result<IdToken, PlatformError> {
    match read_token(Path::new(TOKEN_FILE), files) {
        Err(PlatformError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Err(PlatformError::NotOffered {
                platform: "Kubernetes",
                what: format!("there is no file {TOKEN_FILE}"),
                advice: ADVICE,
            })
        }
        result => result,
    }
}

const TOKEN_FILE: &str = "/var/run/secrets/segura/token";

const ADVICE: &str = "\
Project a token for the broker into the pod in its YAML, or name another file with --token-file:

    volumeMounts:
      - { name: segura, mountPath: /var/run/secrets/segura, readOnly: true }
    volumes:
      - name: segura
        projected:
          sources:
            - serviceAccountToken:
                path: token
                audience: https://segura.example.com
                expirationSeconds: 600";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::mint::fake::FakeFiles;

    #[test]
    fn the_token_is_the_projected_file() {
        let token = id_token(&FakeFiles(Some((TOKEN_FILE, "aa.bb.cc")))).unwrap();
        assert_eq!(token.text().expose(), "aa.bb.cc");
    }

    #[test]
    fn a_pod_without_the_volume_is_told_which_yaml_to_write() {
        let text = id_token(&FakeFiles::default()).unwrap_err().to_string();
        assert!(text.contains("- serviceAccountToken:\n                path: token"), "{text}");
        assert!(text.contains("--token-file"), "{text}");
    }
}
