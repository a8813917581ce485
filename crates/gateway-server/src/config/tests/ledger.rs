//! The ledger, and the folder of what is kept.

use super::*;
use crate::config::types::{ByteSize, LedgerStoreName, Span, WhenFullName};

fn refuse(yaml: &str, expect: &str) {
    let errors = try_load(yaml, "").expect_err(yaml).to_string();
    assert!(errors.contains(expect), "{yaml}\n{errors}");
}

#[test]
fn defaults() {
    let config = accept("", "");
    assert_eq!((config.data.path.to_str(), config.data.is_given), (Some("tollgate-data"), false));
    let ledger = config.ledger;
    assert_eq!((ledger.store, ledger.url, ledger.sync), (None, None, false));
    assert_eq!((ledger.window, ledger.max_spool), (Span::from_millis(100), ByteSize::mib(1024)));
    assert_eq!((ledger.when_full, ledger.keep_sums), (WhenFullName::Refuse, Span::ZERO));
    assert_eq!(ledger.keep_records, Span::from_mins(90 * 24 * 60));
}

#[test]
fn a_folder_that_somebody_named() {
    let folder = |yaml, environment| accept(yaml, environment).data;
    assert_eq!(folder("data: a", "TOLLGATE_DATA=b").path.to_str(), Some("a"));
    assert_eq!(folder("", "TOLLGATE_DATA=b").path.to_str(), Some("b"));
    assert!(folder("data: a", "").is_given && folder("", "TOLLGATE_DATA=b").is_given);
    assert!(!folder("", "TOLLGATE_DATA=").is_given);
}

#[test]
fn postgres_and_its_address() {
    let config = accept("ledger: { store: postgres, url: \"${URL}\", window: 0 }", "URL=postgres://u:hunter2@h/d");
    assert_eq!(config.ledger.store, Some(LedgerStoreName::Postgres));
    assert!(config.ledger.window.is_zero());
    assert!(!format!("{config:?}").contains("hunter2"));
    refuse("ledger: { store: postgres }", "ledger.url: PostgreSQL needs an address");
    refuse("ledger: { url: postgres://h/d }", "ledger.url: only PostgreSQL has an address");
    let errors = try_load("ledger: { store: postgres, url: \"postgres://u:hunter2@:x\" }", "").expect_err("is none");
    assert!(errors.to_string().contains("not an address of PostgreSQL"), "{errors}");
    assert!(!format!("{errors} {errors:?}").contains("hunter2"));
}

#[test]
fn a_spool_must_be_of_use() {
    refuse("ledger: { max_spool: 1MiB }", "ledger.max_spool: must be at least 16MiB");
    refuse("ledger: { store: mysql }", "ledger.store: ");
}
