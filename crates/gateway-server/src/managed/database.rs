//! Where what is managed is kept.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tollgate_usage::database::{DatabaseError, Postgres, Sqlite};
use tollgate_usage::directory::{Directory, DirectoryStore, PostgresDirectory, SqliteDirectory};

use crate::accounts::Database;
use crate::config::Config;
use crate::config::types::LedgerStoreName;
use crate::rules;

/// The database among what is in the data folder.
pub(crate) const FILE: &str = "tollgate.db";

/// Why the database cannot be used; the text says which and what to do.
#[derive(Debug)]
pub(crate) struct OpenError {
    message: String,
    /// Whether there is something that cannot be read. Otherwise there cannot be any keys yet.
    pub(crate) is_there: bool,
}

/// Opens the directory of a configuration, and makes it if it is not there. It is in the database of the ledger, which may be
/// open already.
pub(crate) async fn open(config: &Config, shared: Option<&Database>) -> Result<Directory, OpenError> {
    let address = config.ledger.url.as_ref().filter(|_| config.ledger.store == Some(LedgerStoreName::Postgres));
    // Whatever is on a server of its own may be there though it cannot be reached.
    let on_server = |error: DatabaseError| OpenError { message: error.to_string(), is_there: true };
    let store: Arc<dyn DirectoryStore> = match (shared, address) {
        (Some(Database::Postgres(database)), _) => {
            Arc::new(PostgresDirectory::open(database.clone()).await.map_err(on_server)?)
        }
        (_, Some(address)) => {
            let database = Postgres::new(&address.0).map_err(on_server)?;
            Arc::new(PostgresDirectory::open(database).await.map_err(on_server)?)
        }
        (Some(Database::Sqlite(database)), None) => file(&config.data.path, Some(database)).await?,
        (None, None) => file(&config.data.path, None).await?,
    };
    Ok(Directory::new(store).check(rules::check))
}

async fn file(folder: &Path, shared: Option<&Sqlite>) -> Result<Arc<dyn DirectoryStore>, OpenError> {
    let path = folder.join(FILE);
    let failed = |error: &dyn fmt::Display| OpenError {
        message: format!("{} cannot be used: {error}", path.display()),
        is_there: path.exists(),
    };
    make_private(folder).map_err(|error| failed(&error))?;
    let open = async {
        let database = shared.cloned().map_or_else(|| Sqlite::open(&path), Ok)?;
        SqliteDirectory::open(database).await
    };
    let store = open.await.map_err(|error: DatabaseError| failed(&error))?;
    Ok(Arc::new(store))
}

/// It holds what people asked for and spent, which is nobody else's business.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OpenError {}
