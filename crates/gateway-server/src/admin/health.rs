//! How the parts fare that requests rely on.

use serde::Serialize;
use tollgate_usage::LedgerState;

use super::rest::{Call, Failure, Json};

/// How this process fares.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Health {
    status: Status,
    /// Whether it is stopping and wants no new requests.
    stopping: bool,
    version: &'static str,
    /// The providers by name.
    providers: Vec<String>,
    /// Where keys, rules and the audit log are kept; null if there is no database.
    directory: Option<DirectoryHealth>,
    /// The ledger of usage; null if it is in memory alone.
    ledger: Option<LedgerHealth>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "HealthStatus"))]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Something is away or full; requests may be answered nevertheless.
    Degraded,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct DirectoryHealth {
    /// Whether its database answers.
    reachable: bool,
    /// The revision that requests know of.
    revision: u64,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct LedgerHealth {
    /// Whether its database takes records.
    reachable: bool,
    /// Records taken since the start.
    recorded: u64,
    /// Records that the database has taken since the start, those of earlier processes included.
    stored: u64,
    /// Records that were given up because there was no room for them.
    dropped: u64,
    /// Bytes of records on the disk, some of which the database has already.
    spooled_bytes: u64,
    /// Whether the disk takes no records.
    disk_is_full: bool,
}

/// `GET health`
pub(super) async fn get(call: Call) -> Result<Json<Health>, Failure> {
    let gateway = &call.gateway;
    let directory = match gateway.managed.directory() {
        None => None,
        Some(directory) => {
            let reachable = directory.revision().await.is_ok();
            let revision = gateway.managed.subscribe().borrow().revision;
            Some(DirectoryHealth { reachable, revision })
        }
    };
    let ledger = gateway.accounts.state().map(LedgerHealth::from);
    let is_ok = directory.as_ref().is_none_or(|directory| directory.reachable)
        && ledger.as_ref().is_none_or(|ledger| ledger.reachable && !ledger.disk_is_full);
    Ok(Json(Health {
        status: if is_ok { Status::Ok } else { Status::Degraded },
        stopping: gateway.is_draining(),
        version: env!("CARGO_PKG_VERSION"),
        providers: gateway.current().registry.names().map(str::to_owned).collect(),
        directory,
        ledger,
    }))
}

impl From<LedgerState> for LedgerHealth {
    fn from(state: LedgerState) -> Self {
        Self {
            reachable: !state.store_is_away,
            recorded: state.recorded,
            stored: state.stored,
            dropped: state.dropped,
            spooled_bytes: state.spooled_bytes,
            disk_is_full: state.disk_is_full,
        }
    }
}
