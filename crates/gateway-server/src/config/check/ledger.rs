//! The ledger, and the folder of what is kept.

use std::path::PathBuf;

use super::Check;
use crate::config::environment::{DATA, value};
use crate::config::resolved::DataFolder;
use crate::config::types::{ByteSize, Ledger, LedgerStoreName};

/// A spool that is smaller would be full within seconds of an outage.
const LEAST_SPOOL: ByteSize = ByteSize::mib(16);

pub(super) fn check(check: &mut Check<'_>, ledger: &Ledger) {
    let is_postgres = ledger.store == Some(LedgerStoreName::Postgres);
    match &ledger.url {
        None if is_postgres => {
            check.wrong("ledger.url", "PostgreSQL needs an address", "write url: ${DATABASE_URL}");
        }
        Some(_) if !is_postgres => {
            check.wrong("ledger.url", "only PostgreSQL has an address", "write store: postgres, or remove the url");
        }
        Some(url) if tollgate_usage::database::Postgres::new(&url.0).is_err() => {
            let hint = "write postgres://user:password@host:port/database";
            check.wrong("ledger.url", "not an address of PostgreSQL", hint);
        }
        _ => {}
    }
    if ledger.max_spool < LEAST_SPOOL {
        check.wrong("ledger.max_spool", "must be at least 16MiB", "leave it out for 1GiB");
    }
}

/// The folder: that of the file, or else that of the variable, or else the default.
pub(crate) fn data(check: &Check<'_>, file: Option<&str>) -> DataFolder {
    let given = file.map(str::to_owned).or_else(|| value(check.variables, DATA));
    DataFolder { is_given: given.is_some(), path: PathBuf::from(given.as_deref().unwrap_or(DataFolder::DEFAULT)) }
}
