//! From what the broker gave to what each variable gets.

use segura_model::SecretText;
use segura_model::api::FieldValues;
use segura_model::wanted::{Binding, BindingForm, WantedSecret};
use segura_plugins::mask::{self, MaskError};
use segura_plugins::{Masker, ShortValues};

use super::ExecError;

/// A secret that was wanted, and its fields.
pub(crate) struct Given {
    pub(crate) wanted: WantedSecret,
    pub(crate) fields: FieldValues,
}

/// A variable, what form it takes, and the value.
pub(crate) struct Bound {
    pub(crate) name: String,
    pub(crate) form: BindingForm,
    pub(crate) value: SecretText,
}

/// Give each binding its value.
pub(crate) fn bind(bindings: &[Binding], given: &[Given]) -> Result<Vec<Bound>, ExecError> {
    bindings.iter().map(|binding| bind_one(binding, given)).collect()
}

fn bind_one(binding: &Binding, given: &[Given]) -> Result<Bound, ExecError> {
    let wanted = &binding.wanted;
    let incomplete = || ExecError::AnswerIncomplete { wanted: wanted.clone() };
    let fields = &given.iter().find(|one| one.wanted == *wanted).ok_or_else(incomplete)?.fields;
    let value = match &wanted.field {
        Some(field) => fields.find(field).ok_or_else(incomplete)?,
        None => fields.only().map(|(_, value)| value).ok_or_else(|| ambiguous(wanted, fields))?,
    };
    let name = binding.name.to_string();
    if binding.form == BindingForm::Env {
        fits_environment(&name, value)?;
    }
    Ok(Bound { name, form: binding.form, value: value.clone() })
}

fn ambiguous(wanted: &WantedSecret, fields: &FieldValues) -> ExecError {
    let names: Vec<_> = fields.names().map(ToString::to_string).collect();
    let first = names.first().cloned().unwrap_or_default();
    // The version stands behind the field, so it is left out of the example.
    let wanted = WantedSecret { version: None, ..wanted.clone() };
    ExecError::AmbiguousField { wanted, fields: names.join(", "), first }
}

/// Linux takes no NUL and at most 128 KiB of `NAME=value`.
fn fits_environment(name: &str, value: &SecretText) -> Result<(), ExecError> {
    let refuse = |why| Err(ExecError::NotForEnvironment { name: name.to_owned(), why });
    // EXPOSE: only to look for NUL.
    if value.expose().contains('\0') {
        return refuse("has a NUL character, which no variable can hold");
    }
    if name.len() + value.len() + 2 > LONGEST_VARIABLE {
        return refuse("is longer than the 128 KiB that a variable can hold");
    }
    Ok(())
}

/// Prepare to hide the values.
pub(crate) fn masker(bound: &[Bound], short: ShortValues) -> Result<Masker, ExecError> {
    let values = bound.iter().map(|bound| &bound.value);
    Masker::new(values, short).map_err(|error| match error {
        MaskError::TooShort { position } => {
            let name = bound[position].name.clone();
            let why = format!(
                "it has fewer than {} characters; --allow-unmasked leaves it visible",
                mask::SHORTEST
            );
            ExecError::Mask { name, why }
        }
        error @ MaskError::TooLarge { .. } => {
            let names: Vec<_> = bound.iter().map(|bound| bound.name.as_str()).collect();
            ExecError::Mask { name: names.join(", "), why: error.to_string() }
        }
    })
}

/// The names of the variables whose value stays visible.
pub(crate) fn visible(bound: &[Bound]) -> Vec<&str> {
    let short = bound.iter().filter(|bound| !mask::can_hide(&bound.value));
    short.map(|bound| bound.name.as_str()).collect()
}

const LONGEST_VARIABLE: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn given(wanted: &str, fields: &[(&str, &str)]) -> Given {
        let fields =
            fields.iter().map(|(name, value)| (name.parse().unwrap(), SecretText::new(*value)));
        Given { wanted: wanted.parse().unwrap(), fields: fields.collect() }
    }

    fn bind_line(line: &str, given: &[Given]) -> Result<String, String> {
        bind(&[line.parse().unwrap()], given)
            .map(|bound| bound[0].value.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_binding_gets_its_field_or_the_only_one() {
        let login = given("db/login#user", &[("user", "ada")]);
        let password = given("db/password@3", &[("value", "hunter2")]);
        let all = [login, password];
        assert_eq!(bind_line("db/login#user > U", &all).unwrap(), "ada");
        assert_eq!(bind_line("db/password@3 > P", &all).unwrap(), "hunter2");
    }

    #[test]
    fn several_fields_are_an_error_that_names_them() {
        let login = given("db/login@2", &[("user", "ada"), ("password", "hunter2")]);
        assert_eq!(
            bind_line("db/login@2 > L", &[login]).unwrap_err(),
            "`db/login` has several fields (password, user): name one, as in `db/login#password`"
        );
    }

    #[test]
    fn what_the_answer_lacks_is_named() {
        assert!(bind_line("a > A", &[]).unwrap_err().contains("lacks `a`"));
        let other = given("a#x", &[("y", "1")]);
        assert!(bind_line("a#x > A", &[other]).unwrap_err().contains("lacks `a#x`"));
    }

    #[test]
    fn a_value_that_no_variable_can_hold_is_refused_unless_it_goes_to_a_file() {
        for value in ["a\0b", &"x".repeat(128 << 10)] {
            let all = [given("a", &[("value", value)])];
            let refused = bind_line("a > A", &all).unwrap_err();
            assert!(refused.contains("`A:file`"), "{refused}");
            assert!(bind_line("a > A:file", &all).is_ok());
        }
    }

    #[test]
    fn a_value_that_cannot_be_hidden_is_refused_by_its_name() {
        let all = [given("a", &[("value", "longer")]), given("b", &[("value", "us")])];
        let bindings = ["a > A".parse().unwrap(), "b > B".parse().unwrap()];
        let bound = bind(&bindings, &all).unwrap();
        let refused = masker(&bound, ShortValues::Refuse).err().unwrap().to_string();
        assert!(refused.contains("the value for B") && refused.contains("--allow-unmasked"));
        assert!(masker(&bound, ShortValues::LeaveVisible).is_ok());
        assert_eq!(visible(&bound), ["B"]);
    }
}
