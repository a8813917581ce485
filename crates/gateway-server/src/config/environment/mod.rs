//! The one reader of environment variables.
//!
//! Everything else receives [`Variables`], so that tests, and programs that embed the server, need no process
//! environment. An empty variable counts as unset, because that is how compose files and CI leave one out.

mod discovery;

use std::collections::BTreeMap;

pub(super) use discovery::{Discovered, Instance, discover, read};

/// The address to listen on; `--listen` wins over it, and it over the file.
pub const LISTEN: &str = "TOLLGATE_LISTEN";

/// The configuration file; `--config` wins.
pub const CONFIG: &str = "TOLLGATE_CONFIG";

/// The client key if the file has none.
pub const API_KEY: &str = "TOLLGATE_API_KEY";

/// The admin key if the file has none.
pub const ADMIN_KEY: &str = "TOLLGATE_ADMIN_KEY";

/// The folder for what outlives the process if the file names none.
pub const DATA: &str = "TOLLGATE_DATA";

/// A set of named values.
pub trait Variables {
    /// The value of a variable, exactly as it is; `None` if it is not set.
    fn get(&self, name: &str) -> Option<String>;

    /// The names of all variables, in any order.
    fn names(&self) -> Vec<String>;
}

/// The environment of this process. Variables that are not Unicode count as unset, since nothing here could use them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Variables for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// A value without the blanks around it, which copying a key into a file tends to add; `None` if nothing is left.
pub(super) fn value(variables: &dyn Variables, name: &str) -> Option<String> {
    variables.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
