//! Values of variables.

use super::*;

#[test]
fn blanks_are_dropped_and_empty_is_unset() {
    let variables: BTreeMap<String, String> =
        [("A", " x\n"), ("B", ""), ("C", " \t")].map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(value(&variables, "A").as_deref(), Some("x"));
    assert_eq!(value(&variables, "B"), None);
    assert_eq!(value(&variables, "C"), None);
    assert_eq!(value(&variables, "D"), None);
}

#[test]
fn the_process_has_variables() {
    let process = ProcessEnvironment;
    assert!(process.names().iter().any(|name| name == "PATH"));
    assert!(process.get("PATH").is_some());
    assert_eq!(process.get("TOLLGATE_NO_SUCH_VARIABLE"), None);
}
