//! Issuer files: YAML, one entry or several; JSON is YAML too.

use segura_model::issuer::IssuerDraft;
use segura_model::yaml;
use serde_saphyr::Error as YamlError;

use crate::documents::Document;
use crate::error::CliError;

/// Every entry of a file, in its order.
pub(crate) fn parse(document: &Document) -> Result<Vec<IssuerDraft>, CliError> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let drafts: Vec<IssuerDraft> =
        serde_saphyr::from_multiple_with_options(&document.text, options)
            .map_err(|error| refusal(document, error.without_snippet()))?;
    if drafts.is_empty() {
        let why = "it holds no issuer: write at least `issuer`, `preset`".to_owned();
        return Err(CliError::IssuerFile { name: document.name.clone(), why });
    }
    Ok(drafts)
}

fn refusal(document: &Document, error: &YamlError) -> CliError {
    let place = error
        .location()
        .map_or_else(String::new, |at| format!("line {}, column {}: ", at.line(), at.column()));
    let why = format!("{place}{}", yaml::words(error));
    CliError::IssuerFile { name: document.name.clone(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<IssuerDraft>, String> {
        let document = Document { name: "issuers.yaml".to_owned(), text: text.to_owned() };
        parse(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_may_hold_several_entries() {
        let text = "issuer: github\npreset: github\naudiences: [https://segura.example]\n---\n\
                    issuer: cluster\npreset: kubernetes\niss: https://kubernetes.default.svc\n\
                    max_age: 10m\nkeys: { jwks_file: /etc/segura/cluster.jwks }\n";
        assert_eq!(read(text).unwrap().len(), 2);
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_neighbour() {
        let error = read("issuer: github\npreset: github\naudience: x\n").unwrap_err();
        assert!(error.starts_with("issuers.yaml: line 3, column 1: "), "{error}");
        assert!(error.contains("did you mean `audiences`"), "{error}");
    }

    #[test]
    fn an_empty_file_is_an_error_and_not_nothing() {
        assert!(read("# nothing\n").is_err());
    }
}
