//! Trade an identity token for secrets, print their names, end the session.
//!
//! With `SEGURA_CA_CERT` only the certificates in that file are trusted. Try it beside
//! `segura dev`, which prints the variables to set, a secret to store and a policy:
//!
//! ```text
//! segura dev token --like github > job.token
//! cargo run -p segura-sdk --example deliver -- "$SEGURA_URL" job.token db/prod/password
//! ```

use std::process::ExitCode;

use segura_sdk::model::SecretText;
use segura_sdk::model::api::DeliveryRequest;
use segura_sdk::model::wanted::WantedSecret;
use segura_sdk::{Client, ClientOptions, ProxySettings, SdkError, make_request_key};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(token_file)) = (args.next(), args.next()) else {
        say("usage: deliver URL TOKEN_FILE PATH[#FIELD][@VERSION]…");
        return ExitCode::from(2);
    };
    let token = match std::fs::read_to_string(&token_file) {
        Ok(text) => SecretText::new(text.trim()),
        Err(error) => {
            say(&format!("cannot read {token_file}: {error}"));
            return ExitCode::from(2);
        }
    };
    let secrets = match args.map(|text| text.parse()).collect() {
        Ok(secrets) => secrets,
        Err(error) => {
            let error: <WantedSecret as std::str::FromStr>::Err = error;
            say(&error.to_string());
            return ExitCode::from(2);
        }
    };
    match deliver(url, token, secrets).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{} ({})", error, error.code()));
            ExitCode::FAILURE
        }
    }
}

async fn deliver(
    url: String,
    token: SecretText,
    secrets: Vec<WantedSecret>,
) -> Result<(), SdkError> {
    let mut options = ClientOptions::new(url);
    // An unreadable file is an empty one, which the client refuses.
    let certificates = |path| std::fs::read(path).unwrap_or_default();
    options.ca_pem = variable("SEGURA_CA_CERT").map(certificates);
    options.proxy = ProxySettings::from_vars(variable);
    let client = Client::new(&options)?;

    let request = DeliveryRequest { token, request_key: make_request_key(), secrets };
    let delivery = client.deliver(&request).await?;
    for secret in &delivery.secrets {
        let fields: Vec<_> = secret.fields.names().map(ToString::to_string).collect();
        say(&format!("{} version {}: {}", secret.path, secret.version, fields.join(", ")));
    }
    say(&format!("receipt {}", delivery.receipt));

    client.session(delivery.session.token).end().await.map(drop)
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "an example is a program: its edge is here")]
    std::env::var(name).ok()
}

fn say(words: &str) {
    #[expect(clippy::print_stdout, reason = "an example prints")]
    {
        println!("{words}");
    }
}
