//! The commented file that `segura init` writes.

use super::keys::{Form, KEYS, Key};

/// The file: every setting with what it does, all commented out but those `chosen`
/// (`server.url`, value in TOML).
pub fn template(chosen: &[(&str, toml::Value)]) -> String {
    let mut file = String::from(HEAD);
    let mut section = "";
    for key in KEYS.iter().filter(|key| !matches!(key.form, Form::Secret { .. })) {
        if key.section != section {
            section = key.section;
            file.extend(["\n[", section, "]\n"]);
        }
        let value = chosen.iter().find(|(path, _)| *path == key.path()).map(|(_, value)| value);
        file += &entry(key, value);
    }
    file
}

fn entry(key: &Key, value: Option<&toml::Value>) -> String {
    let doc = key.doc.replace('\n', "\n# ");
    match value {
        Some(value) => format!("# {doc}\n{} = {value}\n", key.name),
        None => format!("# {doc}\n#{} = {}\n", key.name, key.example),
    }
}

const HEAD: &str = "\
# Settings of the Segura server. What is commented out shows the default or an example.
# The environment stands over this file (SEGURA_SERVER__LISTEN), flags over that.
# No secret is ever written here. `segura config check` reads it and says what is wrong.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_what_it_explains() {
        let file = template(&[]);
        assert_eq!(file.parse::<toml::Table>().unwrap().len(), 6, "only empty sections");
        let uncommented: String = file
            .lines()
            .map(|line| line.strip_prefix('#').unwrap_or(line).to_owned() + "\n")
            .collect();
        let values: String = uncommented
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.to_owned() + "\n")
            .collect();
        let table: toml::Table = values.parse().unwrap();
        assert_eq!(table["limits"]["min_free_disk"].as_str(), Some("256 MiB"));
    }

    #[test]
    fn what_was_chosen_is_set() {
        let chosen = [("server.url", toml::Value::from(vec!["https://a.example"]))];
        let table: toml::Table = template(&chosen).parse().unwrap();
        assert_eq!(table["server"]["url"][0].as_str(), Some("https://a.example"));
        assert_eq!(table["server"].as_table().unwrap().len(), 1);
    }
}
