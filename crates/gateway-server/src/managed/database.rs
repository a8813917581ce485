//! Where what is managed is kept.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tollgate_usage::database::{DatabaseError, Sqlite};
use tollgate_usage::directory::{Directory, SqliteDirectory};

use crate::config::Config;
use crate::rules;

/// The database among what is in the data folder.
const FILE: &str = "tollgate.db";

/// Why the database cannot be used; the text says which and what to do.
#[derive(Debug)]
pub(crate) struct OpenError {
    message: String,
    /// Whether there is something that cannot be read. Otherwise there cannot be any keys yet.
    pub(crate) is_there: bool,
}

/// Opens the directory of a configuration, and makes it if it is not there.
pub(crate) async fn open(config: &Config) -> Result<Directory, OpenError> {
    let folder = Path::new(&config.data);
    let path = folder.join(FILE);
    let failed = |error: &dyn fmt::Display| OpenError {
        message: format!("{} cannot be used: {error}", path.display()),
        is_there: path.exists(),
    };
    make_private(folder).map_err(|error| failed(&error))?;
    let open = async { SqliteDirectory::open(Sqlite::open(&path)?).await };
    let store = open.await.map_err(|error: DatabaseError| failed(&error))?;
    Ok(Directory::new(Arc::new(store)).check(rules::check))
}

/// It holds what people asked for and spent, which is nobody else's business.
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OpenError {}
